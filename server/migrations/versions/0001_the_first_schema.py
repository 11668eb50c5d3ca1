"""the first schema"""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table('brand',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_brand'))
    )
    op.create_table('credit',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('room_id', sa.Uuid(), nullable=True),
    sa.Column('store_id', sa.Uuid(), nullable=True),
    sa.Column('guide_id', sa.Uuid(), nullable=True),
    sa.Column('link_id', sa.Uuid(), nullable=True),
    sa.Column('rule', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('rule_version', sa.Integer(), nullable=False),
    sa.Column('why', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('reversed_minor', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('reversed_minor >= 0 AND reversed_minor <= amount_minor', name=op.f('ck_credit_reversal')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credit')),
    sa.UniqueConstraint('order_id', name=op.f('uq_credit_order_id'))
    )
    op.create_index('ix_credit_guide', 'credit', ['guide_id', 'id'], unique=False)
    op.create_index('ix_credit_store', 'credit', ['store_id', 'id'], unique=False)
    op.create_table('fact_consumed',
    sa.Column('fact_id', sa.Uuid(), nullable=False),
    sa.Column('consumer', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('fact_id', 'consumer', name=op.f('pk_fact_consumed'))
    )
    op.create_table('journal',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('note', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_journal')),
    sa.UniqueConstraint('brand_id', 'key', name=op.f('uq_journal_brand_id_key'))
    )
    op.create_table('outbox',
    sa.Column('seq', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('fact_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('body', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('retry_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('relayed_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_outbox')),
    sa.UniqueConstraint('fact_id', name=op.f('uq_outbox_fact_id'))
    )
    op.create_index('ix_outbox_waiting', 'outbox', ['seq'], unique=False, postgresql_where=sa.text('relayed_at IS NULL'))
    op.create_table('owner_invitation',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_owner_invitation')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_owner_invitation_token_hash'))
    )
    op.create_table('payment',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('payable', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('payable_id', sa.Uuid(), nullable=False),
    sa.Column('provider', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('title', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('return_url', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('refunded_minor', sa.BigInteger(), nullable=False),
    sa.Column('status', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('succeeded_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('amount_minor > 0', name=op.f('ck_payment_amount')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment'))
    )
    op.create_index(op.f('ix_payment_payable_id'), 'payment', ['payable_id'], unique=False)
    op.create_table('phone_code',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('phone', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('code_hash', sa.LargeBinary(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_phone_code'))
    )
    op.create_index(op.f('ix_phone_code_phone'), 'phone_code', ['phone'], unique=False)
    op.create_table('picture',
    sa.Column('sha256', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('sha256', name=op.f('pk_picture'))
    )
    op.create_table('wallet',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('balance_minor', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("kind <> 'member' OR balance_minor >= 0", name=op.f('ck_wallet_member_not_negative')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_wallet')),
    sa.UniqueConstraint('brand_id', 'kind', 'owner_id', name=op.f('uq_wallet_brand_id_kind_owner_id'))
    )
    op.create_table('credit_reversal',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('credit_id', sa.Uuid(), nullable=False),
    sa.Column('refund_id', sa.Uuid(), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['credit_id'], ['credit.id'], name=op.f('fk_credit_reversal_credit_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credit_reversal')),
    sa.UniqueConstraint('credit_id', 'refund_id', name=op.f('uq_credit_reversal_credit_id_refund_id'))
    )
    op.create_index(op.f('ix_credit_reversal_credit_id'), 'credit_reversal', ['credit_id'], unique=False)
    op.create_table('gift',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('icon', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('price_minor', sa.BigInteger(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_gift_brand_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_gift'))
    )
    op.create_index(op.f('ix_gift_brand_id'), 'gift', ['brand_id'], unique=False)
    op.create_table('invitation_link',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('code', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('room_id', sa.Uuid(), nullable=True),
    sa.Column('store_id', sa.Uuid(), nullable=True),
    sa.Column('guide_id', sa.Uuid(), nullable=True),
    sa.Column('member_id', sa.Uuid(), nullable=True),
    sa.Column('parent_id', sa.Uuid(), nullable=True),
    sa.Column('channel', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_invitation_link_brand_id')),
    sa.ForeignKeyConstraint(['parent_id'], ['invitation_link.id'], name=op.f('fk_invitation_link_parent_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invitation_link')),
    sa.UniqueConstraint('code', name=op.f('uq_invitation_link_code'))
    )
    op.create_index(op.f('ix_invitation_link_brand_id'), 'invitation_link', ['brand_id'], unique=False)
    op.create_index('uq_invitation_link_inviter', 'invitation_link', ['room_id', 'member_id', 'guide_id', 'store_id', 'parent_id', 'channel'], unique=True, postgresql_nulls_not_distinct=True)
    op.create_table('member',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('phone', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('merged_into', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_member_brand_id')),
    sa.ForeignKeyConstraint(['merged_into'], ['member.id'], name=op.f('fk_member_merged_into')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_member'))
    )
    op.create_index(op.f('ix_member_brand_id'), 'member', ['brand_id'], unique=False)
    op.create_index('uq_member_phone', 'member', ['brand_id', 'phone'], unique=True, postgresql_where=sa.text('merged_into IS NULL AND phone IS NOT NULL'))
    op.create_table('payment_event',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('provider', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('event_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('body', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_payment_event_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment_event')),
    sa.UniqueConstraint('provider', 'event_id', name=op.f('uq_payment_event_provider_event_id'))
    )
    op.create_index(op.f('ix_payment_event_payment_id'), 'payment_event', ['payment_id'], unique=False)
    op.create_table('product',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('title', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('description', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('image', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_product_brand_id')),
    sa.ForeignKeyConstraint(['image'], ['picture.sha256'], name=op.f('fk_product_image')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_product'))
    )
    op.create_index(op.f('ix_product_brand_id'), 'product', ['brand_id'], unique=False)
    op.create_table('refund',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=False),
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('status', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('failure', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('amount_minor > 0', name=op.f('ck_refund_amount')),
    sa.ForeignKeyConstraint(['payment_id'], ['payment.id'], name=op.f('fk_refund_payment_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_refund')),
    sa.UniqueConstraint('payment_id', 'key', name=op.f('uq_refund_payment_id_key'))
    )
    op.create_table('store',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('code', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('region', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('address', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_store_brand_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_store')),
    sa.UniqueConstraint('brand_id', 'code', name=op.f('uq_store_brand_id_code'))
    )
    op.create_table('wallet_entry',
    sa.Column('seq', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('journal_id', sa.Uuid(), nullable=False),
    sa.Column('wallet_id', sa.Uuid(), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['journal_id'], ['journal.id'], name=op.f('fk_wallet_entry_journal_id')),
    sa.ForeignKeyConstraint(['wallet_id'], ['wallet.id'], name=op.f('fk_wallet_entry_wallet_id')),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_wallet_entry'))
    )
    op.create_index(op.f('ix_wallet_entry_journal_id'), 'wallet_entry', ['journal_id'], unique=False)
    op.create_index(op.f('ix_wallet_entry_wallet_id'), 'wallet_entry', ['wallet_id'], unique=False)
    op.create_table('account',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('store_id', sa.Uuid(), nullable=True),
    sa.Column('login', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('role', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('password_hash', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_account_brand_id')),
    sa.ForeignKeyConstraint(['store_id'], ['store.id'], name=op.f('fk_account_store_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account')),
    sa.UniqueConstraint('login', name=op.f('uq_account_login'))
    )
    op.create_index(op.f('ix_account_brand_id'), 'account', ['brand_id'], unique=False)
    op.create_index(op.f('ix_account_store_id'), 'account', ['store_id'], unique=False)
    op.create_table('orders',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('room_id', sa.Uuid(), nullable=True),
    sa.Column('sale_id', sa.Uuid(), nullable=True),
    sa.Column('store_id', sa.Uuid(), nullable=True),
    sa.Column('guide_id', sa.Uuid(), nullable=True),
    sa.Column('link_id', sa.Uuid(), nullable=True),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('hold_id', sa.Uuid(), nullable=False),
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('request_hash', sa.LargeBinary(), nullable=False),
    sa.Column('number', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('status', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('fulfilment', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('delivery', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('pick_up_code', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('goods_refunded_minor', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('paid_minor', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('refunded_minor', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('refund_due_minor', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('pay_by', sa.DateTime(timezone=True), nullable=False),
    sa.Column('paid_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('amount_minor >= 0', name=op.f('ck_orders_amount')),
    sa.CheckConstraint('refunded_minor + refund_due_minor <= paid_minor', name=op.f('ck_orders_refund')),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_orders_member_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_orders')),
    sa.UniqueConstraint('member_id', 'key', name=op.f('uq_orders_member_id_key')),
    sa.UniqueConstraint('number', name=op.f('uq_orders_number'))
    )
    op.create_index('ix_orders_brand', 'orders', ['brand_id', 'id'], unique=False)
    op.create_index('ix_orders_due', 'orders', ['pay_by'], unique=False, postgresql_where=sa.text("status = 'awaiting_payment'"))
    op.create_index('ix_orders_member', 'orders', ['member_id', 'id'], unique=False)
    op.create_index('ix_orders_room', 'orders', ['room_id', 'id'], unique=False)
    op.create_index('ix_orders_store', 'orders', ['store_id', 'id'], unique=False)
    op.create_table('sku',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('code', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('title', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('price_minor', sa.BigInteger(), nullable=False),
    sa.Column('was_minor', sa.BigInteger(), nullable=True),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.CheckConstraint('price_minor >= 0', name=op.f('ck_sku_price')),
    sa.ForeignKeyConstraint(['product_id'], ['product.id'], name=op.f('fk_sku_product_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sku')),
    sa.UniqueConstraint('brand_id', 'code', name=op.f('uq_sku_brand_id_code'))
    )
    op.create_index(op.f('ix_sku_product_id'), 'sku', ['product_id'], unique=False)
    op.create_table('timeline_entry',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('store_id', sa.Uuid(), nullable=True),
    sa.Column('room_id', sa.Uuid(), nullable=True),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('fact_id', sa.Uuid(), nullable=False),
    sa.Column('data', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_timeline_entry_member_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_timeline_entry')),
    sa.UniqueConstraint('member_id', 'fact_id', 'kind', name=op.f('uq_timeline_entry_member_id_fact_id_kind'))
    )
    op.create_index('ix_timeline_member', 'timeline_entry', ['member_id', 'id'], unique=False)
    op.create_table('tip',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('room_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('gift_id', sa.Uuid(), nullable=False),
    sa.Column('journal_id', sa.Uuid(), nullable=False),
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_tip_quantity')),
    sa.ForeignKeyConstraint(['gift_id'], ['gift.id'], name=op.f('fk_tip_gift_id')),
    sa.ForeignKeyConstraint(['journal_id'], ['journal.id'], name=op.f('fk_tip_journal_id')),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_tip_member_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tip')),
    sa.UniqueConstraint('member_id', 'key', name=op.f('uq_tip_member_id_key'))
    )
    op.create_index('ix_tip_room', 'tip', ['room_id', 'id'], unique=False)
    op.create_table('touch',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('link_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('refused', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.ForeignKeyConstraint(['link_id'], ['invitation_link.id'], name=op.f('fk_touch_link_id')),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_touch_member_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_touch'))
    )
    op.create_index('ix_touch_member', 'touch', ['member_id', 'id'], unique=False)
    op.create_table('visit',
    sa.Column('room_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), server_default=sa.text('uuidv7()'), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('store_id', sa.Uuid(), nullable=True),
    sa.Column('guide_id', sa.Uuid(), nullable=True),
    sa.Column('link_id', sa.Uuid(), nullable=True),
    sa.Column('entered_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['member_id'], ['member.id'], name=op.f('fk_visit_member_id')),
    sa.PrimaryKeyConstraint('room_id', 'member_id', name=op.f('pk_visit')),
    sa.UniqueConstraint('id', name=op.f('uq_visit_id'))
    )
    op.create_index('ix_visit_guide', 'visit', ['guide_id', 'id'], unique=False)
    op.create_index('ix_visit_member', 'visit', ['member_id'], unique=False)
    op.create_index('ix_visit_store', 'visit', ['store_id', 'id'], unique=False)
    op.create_table('order_event',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('note', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=True),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_order_event_order_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_order_event'))
    )
    op.create_index(op.f('ix_order_event_order_id'), 'order_event', ['order_id'], unique=False)
    op.create_table('order_line',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('sku_id', sa.Uuid(), nullable=False),
    sa.Column('title', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('image', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('price_minor', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_order_line_order_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_order_line'))
    )
    op.create_index(op.f('ix_order_line_order_id'), 'order_line', ['order_id'], unique=False)
    op.create_table('room',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('store_id', sa.Uuid(), nullable=True),
    sa.Column('host_id', sa.Uuid(), nullable=True),
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('title', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('audience', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('state', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('demo', sa.Boolean(), nullable=False),
    sa.Column('pinned_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('peak_watching', sa.Integer(), nullable=False),
    sa.Column('likes', sa.Integer(), nullable=False),
    sa.Column('report', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.ForeignKeyConstraint(['brand_id'], ['brand.id'], name=op.f('fk_room_brand_id')),
    sa.ForeignKeyConstraint(['host_id'], ['account.id'], name=op.f('fk_room_host_id')),
    sa.ForeignKeyConstraint(['pinned_id'], ['product.id'], name=op.f('fk_room_pinned_id')),
    sa.ForeignKeyConstraint(['store_id'], ['store.id'], name=op.f('fk_room_store_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_room')),
    sa.UniqueConstraint('brand_id', 'key', name=op.f('uq_room_brand_id_key'))
    )
    op.create_index(op.f('ix_room_brand_id'), 'room', ['brand_id'], unique=False)
    op.create_index(op.f('ix_room_store_id'), 'room', ['store_id'], unique=False)
    op.create_table('staff_session',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_staff_session_account_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staff_session')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_staff_session_token_hash'))
    )
    op.create_index(op.f('ix_staff_session_account_id'), 'staff_session', ['account_id'], unique=False)
    op.create_table('stock_balance',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('sku_id', sa.Uuid(), nullable=False),
    sa.Column('pool', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('pool_id', sa.Uuid(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('free', sa.Integer(), nullable=False),
    sa.Column('held', sa.Integer(), nullable=False),
    sa.Column('sold', sa.Integer(), nullable=False),
    sa.CheckConstraint('free >= 0 AND held >= 0 AND sold >= 0', name=op.f('ck_stock_balance_never_negative')),
    sa.CheckConstraint('total = free + held + sold', name=op.f('ck_stock_balance_adds_up')),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], name=op.f('fk_stock_balance_sku_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stock_balance')),
    sa.UniqueConstraint('sku_id', 'pool', 'pool_id', name=op.f('uq_stock_balance_sku_id_pool_pool_id'))
    )
    op.create_index('ix_stock_balance_pool', 'stock_balance', ['pool_id'], unique=False)
    op.create_table('chat_message',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('room_id', sa.Uuid(), nullable=False),
    sa.Column('writer_id', sa.Uuid(), nullable=False),
    sa.Column('name', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('role', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('ref', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('text', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('deleted_by', sa.Uuid(), nullable=True),
    sa.ForeignKeyConstraint(['room_id'], ['room.id'], name=op.f('fk_chat_message_room_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_chat_message')),
    sa.UniqueConstraint('room_id', 'writer_id', 'ref', name=op.f('uq_chat_message_room_id_writer_id_ref'))
    )
    op.create_index('ix_chat_message_room', 'chat_message', ['room_id', 'id'], unique=False)
    op.create_index('ix_chat_message_writer', 'chat_message', ['writer_id'], unique=False)
    op.create_table('flash_sale',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('brand_id', sa.Uuid(), nullable=False),
    sa.Column('room_id', sa.Uuid(), nullable=False),
    sa.Column('title', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('state', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('opens_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('duration_seconds', sa.Integer(), nullable=False),
    sa.Column('limit_per_buyer', sa.Integer(), nullable=False),
    sa.Column('hold_seconds', sa.Integer(), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('limit_per_buyer > 0', name=op.f('ck_flash_sale_limit')),
    sa.ForeignKeyConstraint(['room_id'], ['room.id'], name=op.f('fk_flash_sale_room_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_flash_sale'))
    )
    op.create_index('ix_flash_sale_room', 'flash_sale', ['room_id', 'id'], unique=False)
    op.create_table('moderation_act',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('room_id', sa.Uuid(), nullable=False),
    sa.Column('actor_id', sa.Uuid(), nullable=False),
    sa.Column('act', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('target_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('note', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.ForeignKeyConstraint(['room_id'], ['room.id'], name=op.f('fk_moderation_act_room_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_moderation_act'))
    )
    op.create_index('ix_moderation_act_room', 'moderation_act', ['room_id', 'id'], unique=False)
    op.create_table('mute',
    sa.Column('room_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['room_id'], ['room.id'], name=op.f('fk_mute_room_id')),
    sa.PrimaryKeyConstraint('room_id', 'member_id', name=op.f('pk_mute'))
    )
    op.create_table('room_mark',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('room_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('label', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.ForeignKeyConstraint(['room_id'], ['room.id'], name=op.f('fk_room_mark_room_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_room_mark'))
    )
    op.create_index('ix_room_mark', 'room_mark', ['room_id', 'at'], unique=False)
    op.create_table('room_minute',
    sa.Column('room_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('watching', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['room_id'], ['room.id'], name=op.f('fk_room_minute_room_id')),
    sa.PrimaryKeyConstraint('room_id', 'at', name=op.f('pk_room_minute'))
    )
    op.create_table('shelf_item',
    sa.Column('room_id', sa.Uuid(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['product_id'], ['product.id'], name=op.f('fk_shelf_item_product_id')),
    sa.ForeignKeyConstraint(['room_id'], ['room.id'], name=op.f('fk_shelf_item_room_id')),
    sa.PrimaryKeyConstraint('room_id', 'product_id', name=op.f('pk_shelf_item'))
    )
    op.create_table('stock_entry',
    sa.Column('seq', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('balance_id', sa.Uuid(), nullable=False),
    sa.Column('act', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('key', sa.Uuid(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('free', sa.Integer(), nullable=False),
    sa.Column('held', sa.Integer(), nullable=False),
    sa.Column('sold', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['balance_id'], ['stock_balance.id'], name=op.f('fk_stock_entry_balance_id')),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_stock_entry')),
    sa.UniqueConstraint('balance_id', 'act', 'key', name=op.f('uq_stock_entry_balance_id_act_key'))
    )
    op.create_table('stock_hold',
    sa.Column('hold_id', sa.Uuid(), nullable=False),
    sa.Column('balance_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('returned', sa.Integer(), server_default='0', nullable=False),
    sa.Column('state', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.CheckConstraint('quantity > 0', name=op.f('ck_stock_hold_quantity')),
    sa.ForeignKeyConstraint(['balance_id'], ['stock_balance.id'], name=op.f('fk_stock_hold_balance_id')),
    sa.PrimaryKeyConstraint('hold_id', 'balance_id', name=op.f('pk_stock_hold'))
    )
    op.create_index('ix_stock_hold_held', 'stock_hold', ['balance_id'], unique=False, postgresql_where=sa.text("state = 'held'"))
    op.create_table('flash_sale_buyer',
    sa.Column('sale_id', sa.Uuid(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['sale_id'], ['flash_sale.id'], name=op.f('fk_flash_sale_buyer_sale_id')),
    sa.PrimaryKeyConstraint('sale_id', 'member_id', name=op.f('pk_flash_sale_buyer'))
    )
    op.create_table('flash_sale_line',
    sa.Column('sale_id', sa.Uuid(), nullable=False),
    sa.Column('sku_id', sa.Uuid(), nullable=False),
    sa.Column('balance_id', sa.Uuid(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('title', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('image', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('price_minor', sa.BigInteger(), nullable=False),
    sa.Column('was_minor', sa.BigInteger(), nullable=True),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.CheckConstraint('price_minor >= 0', name=op.f('ck_flash_sale_line_price')),
    sa.ForeignKeyConstraint(['balance_id'], ['stock_balance.id'], name=op.f('fk_flash_sale_line_balance_id')),
    sa.ForeignKeyConstraint(['product_id'], ['product.id'], name=op.f('fk_flash_sale_line_product_id')),
    sa.ForeignKeyConstraint(['sale_id'], ['flash_sale.id'], name=op.f('fk_flash_sale_line_sale_id')),
    sa.ForeignKeyConstraint(['sku_id'], ['sku.id'], name=op.f('fk_flash_sale_line_sku_id')),
    sa.PrimaryKeyConstraint('sale_id', 'sku_id', name=op.f('pk_flash_sale_line'))
    )
    # Rows that are updated for every claim: leave room for HOT updates, so that no index is touched.
    op.execute("ALTER TABLE stock_balance SET (fillfactor = 20)")
    op.execute("ALTER TABLE flash_sale SET (fillfactor = 20)")



def downgrade() -> None:

    op.drop_table('flash_sale_line')
    op.drop_table('flash_sale_buyer')
    op.drop_index('ix_stock_hold_held', table_name='stock_hold', postgresql_where=sa.text("state = 'held'"))
    op.drop_table('stock_hold')
    op.drop_table('stock_entry')
    op.drop_table('shelf_item')
    op.drop_table('room_minute')
    op.drop_index('ix_room_mark', table_name='room_mark')
    op.drop_table('room_mark')
    op.drop_table('mute')
    op.drop_index('ix_moderation_act_room', table_name='moderation_act')
    op.drop_table('moderation_act')
    op.drop_index('ix_flash_sale_room', table_name='flash_sale')
    op.drop_table('flash_sale')
    op.drop_index('ix_chat_message_writer', table_name='chat_message')
    op.drop_index('ix_chat_message_room', table_name='chat_message')
    op.drop_table('chat_message')
    op.drop_index('ix_stock_balance_pool', table_name='stock_balance')
    op.drop_table('stock_balance')
    op.drop_index(op.f('ix_staff_session_account_id'), table_name='staff_session')
    op.drop_table('staff_session')
    op.drop_index(op.f('ix_room_store_id'), table_name='room')
    op.drop_index(op.f('ix_room_brand_id'), table_name='room')
    op.drop_table('room')
    op.drop_index(op.f('ix_order_line_order_id'), table_name='order_line')
    op.drop_table('order_line')
    op.drop_index(op.f('ix_order_event_order_id'), table_name='order_event')
    op.drop_table('order_event')
    op.drop_index('ix_visit_store', table_name='visit')
    op.drop_index('ix_visit_member', table_name='visit')
    op.drop_index('ix_visit_guide', table_name='visit')
    op.drop_table('visit')
    op.drop_index('ix_touch_member', table_name='touch')
    op.drop_table('touch')
    op.drop_index('ix_tip_room', table_name='tip')
    op.drop_table('tip')
    op.drop_index('ix_timeline_member', table_name='timeline_entry')
    op.drop_table('timeline_entry')
    op.drop_index(op.f('ix_sku_product_id'), table_name='sku')
    op.drop_table('sku')
    op.drop_index('ix_orders_store', table_name='orders')
    op.drop_index('ix_orders_room', table_name='orders')
    op.drop_index('ix_orders_member', table_name='orders')
    op.drop_index('ix_orders_due', table_name='orders', postgresql_where=sa.text("status = 'awaiting_payment'"))
    op.drop_index('ix_orders_brand', table_name='orders')
    op.drop_table('orders')
    op.drop_index(op.f('ix_account_store_id'), table_name='account')
    op.drop_index(op.f('ix_account_brand_id'), table_name='account')
    op.drop_table('account')
    op.drop_index(op.f('ix_wallet_entry_wallet_id'), table_name='wallet_entry')
    op.drop_index(op.f('ix_wallet_entry_journal_id'), table_name='wallet_entry')
    op.drop_table('wallet_entry')
    op.drop_table('store')
    op.drop_table('refund')
    op.drop_index(op.f('ix_product_brand_id'), table_name='product')
    op.drop_table('product')
    op.drop_index(op.f('ix_payment_event_payment_id'), table_name='payment_event')
    op.drop_table('payment_event')
    op.drop_index('uq_member_phone', table_name='member', postgresql_where=sa.text('merged_into IS NULL AND phone IS NOT NULL'))
    op.drop_index(op.f('ix_member_brand_id'), table_name='member')
    op.drop_table('member')
    op.drop_index('uq_invitation_link_inviter', table_name='invitation_link', postgresql_nulls_not_distinct=True)
    op.drop_index(op.f('ix_invitation_link_brand_id'), table_name='invitation_link')
    op.drop_table('invitation_link')
    op.drop_index(op.f('ix_gift_brand_id'), table_name='gift')
    op.drop_table('gift')
    op.drop_index(op.f('ix_credit_reversal_credit_id'), table_name='credit_reversal')
    op.drop_table('credit_reversal')
    op.drop_table('wallet')
    op.drop_table('picture')
    op.drop_index(op.f('ix_phone_code_phone'), table_name='phone_code')
    op.drop_table('phone_code')
    op.drop_index(op.f('ix_payment_payable_id'), table_name='payment')
    op.drop_table('payment')
    op.drop_table('owner_invitation')
    op.drop_index('ix_outbox_waiting', table_name='outbox', postgresql_where=sa.text('relayed_at IS NULL'))
    op.drop_table('outbox')
    op.drop_table('journal')
    op.drop_table('fact_consumed')
    op.drop_index('ix_credit_store', table_name='credit')
    op.drop_index('ix_credit_guide', table_name='credit')
    op.drop_table('credit')
    op.drop_table('brand')

