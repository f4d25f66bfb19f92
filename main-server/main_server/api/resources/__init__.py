"""One file per resource of `/api`: thin routers over the queries in store/."""
