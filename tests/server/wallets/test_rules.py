from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.wallets.rules import Unbalanced, WalletName, balanced, cash, of_member, tips

wallets = st.builds(
    WalletName, st.sampled_from(["member", "cash", "tips"]), st.integers(1, 5).map(lambda n: UUID(int=n))
)
transfers = st.lists(st.tuples(wallets, wallets, st.integers(1, 10**12)), min_size=1, max_size=20)


@given(transfers)
def test_transfers_always_balance_with_one_amount_for_each_wallet(moves):
    entries = [entry for source, target, amount in moves for entry in ((source, -amount), (target, amount))]
    net = {wallet: sum(amount for w, amount in entries if w == wallet) for wallet, _ in entries}
    expected = {wallet: amount for wallet, amount in net.items() if amount}
    if expected:
        assert balanced(entries) == expected
    else:
        with pytest.raises(Unbalanced):
            balanced(entries)


@given(st.lists(st.tuples(wallets, st.integers(-(10**12), 10**12)), max_size=10))
def test_money_that_comes_from_nowhere_is_refused(entries):
    if sum(amount for _, amount in entries) != 0:
        with pytest.raises(Unbalanced):
            balanced(entries)


def test_wallets_of_different_kinds_with_one_owner_are_different():
    owner = UUID(int=7)
    assert len({of_member(owner), cash(owner), tips(owner)}) == 3
