"""Queries about providers. Each takes the caller's session; the caller commits."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from main_server.store.models import Provider, ProviderKind
from main_server.store.paging import Paging, Rows, containing, page
from main_server.store.sealing import Seal, place_of


def opener(seal: Seal) -> Callable[[Provider], str]:
    """Opens the secret of a provider, for its engine alone. Raises SecretLost."""
    return lambda provider: seal.open(provider.secret, _place(provider))


class Providers:
    """Providers as rows, their secrets sealed."""

    def __init__(self, session: AsyncSession, seal: Seal) -> None:
        self._session = session
        self._seal = seal

    async def page(
        self, account_id: str, paging: Paging, *, kind: ProviderKind | None = None, search: str = ""
    ) -> Rows[Provider]:
        """Providers of an account by name."""
        query = select(Provider).where(Provider.account_id == account_id)
        if kind is not None:
            query = query.where(Provider.kind == kind)
        if search:
            query = query.where(Provider.name.ilike(containing(search), escape="!"))
        return await page(self._session, query, Provider.name, Provider.id, paging, descending=False)

    async def of_account(self, account_id: str, provider_id: str) -> Provider | None:
        """The provider with this key, if it is the account's."""
        query = select(Provider).where(Provider.id == provider_id, Provider.account_id == account_id)
        return (await self._session.scalars(query)).one_or_none()

    async def named(self, account_id: str, kind: str, engine: str, name: str) -> Provider | None:
        """The account's first provider of this kind, engine and name."""
        its = (Provider.account_id == account_id, Provider.kind == kind, Provider.engine == engine)
        query = select(Provider).where(*its, Provider.name == name).order_by(Provider.created_at, Provider.id).limit(1)
        return (await self._session.scalars(query)).one_or_none()

    async def add(self, provider: Provider, secret: str) -> Provider:
        """Adds it with its secret."""
        self._session.add(provider)
        await self._session.flush()  # the secret is bound to the key of its row
        self.keep_secret(provider, secret)
        return provider

    def keep_secret(self, provider: Provider, secret: str) -> None:
        """Seals a new secret; "" takes it away."""
        provider.secret = self._seal.seal(secret, _place(provider))

    def secret_of(self, provider: Provider) -> str:
        """The secret, for the engine alone. Raises SecretLost."""
        return opener(self._seal)(provider)

    async def make_default(self, provider: Provider) -> None:
        """It serves its kind where a role names none; the one that did so before does not any more."""
        others = (
            Provider.account_id == provider.account_id,
            Provider.kind == provider.kind,
            Provider.id != provider.id,
            Provider.is_default,
        )
        await self._session.execute(
            update(Provider)
            .where(*others)
            .values(is_default=False, version=Provider.version + 1)
            .execution_options(synchronize_session=False)
        )
        provider.is_default = True


def _place(provider: Provider) -> str:
    return place_of("providers", "secret", provider.id)
