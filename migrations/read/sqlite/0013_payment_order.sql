-- Orders to payment gateways: what each has taken, what does not fit and what is to go back. docs/adr/0021
CREATE TABLE payment_order (
    order_id            BLOB    PRIMARY KEY,
    dossier_id          BLOB    NOT NULL,
    obligation          INTEGER NOT NULL,
    gateway             TEXT    NOT NULL,
    amount_vnd          INTEGER NOT NULL,
    ordered_at          INTEGER NOT NULL,
    expires_at          INTEGER NOT NULL,
    taken_by            TEXT,
    paid_at             INTEGER,
    refund              INTEGER NOT NULL,
    refund_requested_at INTEGER,
    refunded_at         INTEGER,
    -- As JSON.
    discrepancies       TEXT    NOT NULL,
    -- How many of them nobody has settled.
    unsettled           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX payment_order_unsettled ON payment_order (ordered_at, order_id) WHERE unsettled > 0;
CREATE INDEX payment_order_refund ON payment_order (refund_requested_at, order_id) WHERE refund_requested_at IS NOT NULL;
CREATE INDEX payment_order_paid ON payment_order (gateway, paid_at, order_id) WHERE paid_at IS NOT NULL;
