"""A copied database opens no secret; keys change without losing one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from fakes.outsider import Outsider
from main_server.secret_keys import FILE, secret_keys
from main_server.secrets_command import forget_old, rotate
from main_server.settings import Settings, SettingsError, load_settings
from main_server.store.engine import open_database
from main_server.store.migrate import migrate
from main_server.store.models import Account, Provider
from main_server.store.providers import Providers
from main_server.store.sealing import Seal, SecretLost, key_text, new_key

SECRET = "sk-very-secret"


def settings_for(folder: Path, url: str, **more: object) -> Settings:
    return load_settings(data_dir=folder, database_url=url, _env_file=None, **more)


async def keep(url: str, seal: Seal) -> str:
    """Keeps a secret in a database; the key of its row."""
    await migrate(url)
    database = open_database(url)
    async with database.writing() as session:
        account = Account(name="olga", rank="owner", password_hash="-")
        session.add(account)
        await session.flush()
        provider = Provider(account_id=account.id, kind="llm", engine="openai", name="x")
        await Providers(session, seal).add(provider, SECRET)
    await database.close()
    return provider.id


async def kept(url: str, seal: Seal, provider_id: str) -> str:
    database = open_database(url)
    try:
        async with database.reading() as session:
            return Providers(session, seal).secret_of(await session.get_one(Provider, provider_id))
    finally:
        await database.close()


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "new", "")
    first = secret_keys(settings)
    assert secret_keys(settings) == first
    assert (tmp_path / "new" / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("key", ["hush", "", "A" * 44 + "==,nonsense"])
def test_a_key_that_is_none_is_a_sentence_without_the_key(tmp_path: Path, key: str) -> None:
    settings = settings_for(tmp_path, "", secret_key=SecretStr(key))
    if not key:
        (tmp_path / FILE).write_text("")
    with pytest.raises(SettingsError, match="openssl rand") as told:
        secret_keys(settings)
    assert "hush" not in str(told.value)


async def test_the_database_alone_opens_nothing(any_url: str, stranger: Outsider) -> None:
    seal = Seal([new_key()])
    provider_id = await keep(any_url, seal)
    assert await kept(any_url, seal, provider_id) == SECRET
    [(sealed,)] = await stranger.rows("SELECT secret FROM providers")
    assert SECRET not in sealed
    with pytest.raises(SecretLost, match="ZHIYIN_SECRET_KEY"):
        await kept(any_url, Seal([new_key()]), provider_id)


async def test_a_secret_moved_to_another_row_does_not_open(any_url: str, stranger: Outsider) -> None:
    seal = Seal([new_key()])
    provider_id = await keep(any_url, seal)
    await stranger.execute(
        "INSERT INTO providers SELECT 'stolen', account_id, kind, engine, name, options, secret, is_default,"
        " created_at, updated_at, version FROM providers"
    )
    assert await kept(any_url, seal, provider_id) == SECRET
    with pytest.raises(SecretLost):
        await kept(any_url, seal, "stolen")
    await stranger.execute("UPDATE providers SET secret = substr(secret, 1, 40) WHERE id = 'stolen'")
    with pytest.raises(SecretLost):
        await kept(any_url, seal, "stolen")


async def test_keys_rotate_and_no_secret_is_lost(any_url: str, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, any_url)
    old = secret_keys(settings)
    running = Seal(old)  # a server that was not restarted
    provider_id = await keep(any_url, running)
    assert (await rotate(settings)).startswith("1 secrets")
    both = secret_keys(settings)
    assert both[1:] == old
    assert await kept(any_url, Seal(both[:1]), provider_id) == SECRET
    await forget_old(settings)
    assert secret_keys(settings) == both[:1]


async def test_keys_in_the_environment_rotate_there(any_url: str, tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    provider_id = await keep(any_url, Seal([old]))
    settings = settings_for(tmp_path, any_url, secret_key=SecretStr(f"{key_text(new)},{key_text(old)}"))
    await rotate(settings)
    assert "taken out" in await forget_old(settings)
    assert await kept(any_url, Seal([new]), provider_id) == SECRET
    assert not (tmp_path / FILE).exists()


async def test_a_rotation_without_the_old_key_changes_nothing(any_url: str, tmp_path: Path) -> None:
    seal = Seal([new_key()])
    provider_id = await keep(any_url, seal)
    with pytest.raises(SecretLost):
        await rotate(settings_for(tmp_path, any_url))
    assert await kept(any_url, seal, provider_id) == SECRET
