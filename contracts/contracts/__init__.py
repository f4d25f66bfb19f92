"""What Zhiyin's programs promise each other. Standard library and pydantic only; imports nothing of ours."""
