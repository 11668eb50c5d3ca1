"""Payment providers: one port, one module for each."""

from server.payments.providers.port import Notice, Provider, ProviderError, ProviderRefused

__all__ = ["Notice", "Provider", "ProviderError", "ProviderRefused"]
