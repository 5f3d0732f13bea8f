-- A past for the books, made by MariaDB itself: {count} transfers of 1.00 among {active} people,
-- with entries, audit records and idempotency keys. In each round everybody sends one and receives
-- one, so that all balances stay as they are.
SET SESSION sql_log_bin = 0, unique_checks = 0, foreign_key_checks = 0;
CREATE TABLE party (n INT PRIMARY KEY, id BIGINT, user_id BIGINT, amount BIGINT, version BIGINT);
INSERT INTO party
  SELECT ROW_NUMBER() OVER (ORDER BY id) - 1, id, user_id, amount, entry_count
  FROM balances_balance WHERE user_id IS NOT NULL ORDER BY id LIMIT {active};
CREATE TABLE past (
  seq BIGINT PRIMARY KEY, id UUID, at DATETIME(6), round BIGINT, source INT, destination INT);
INSERT INTO past
  SELECT seq,
    CONCAT(LPAD(HEX(1000 * UNIX_TIMESTAMP('{start}') + seq * {step_ms} DIV 1), 12, '0'),
           '70008', LPAD(HEX(seq), 15, '0')),
    '{start}' + INTERVAL seq * {step_ms} * 1000 MICROSECOND,
    seq DIV {active},
    seq MOD {active},
    (seq MOD {active} + 1 + (seq DIV {active}) MOD ({active} - 1)) MOD {active}
  FROM seq_0_to_{last};
INSERT INTO transactions_transaction
    (id, type, status, source_id, destination_id, amount, currency, description, reference,
     metadata, failure_code, requested_by_id, created_at, effective_at, completed_at)
  SELECT past.id, 'transfer', 'completed', s.id, d.id, 100, 'USD', 'Invoice',
    CONCAT('INV-', seq), '{{}}', '', s.user_id, at, at, at
  FROM past JOIN party s ON s.n = source JOIN party d ON d.n = destination ORDER BY seq;
INSERT INTO balances_balancehistory
    (balance_id, transaction_id, delta, amount_before, amount_after, version, created_at)
  SELECT s.id, past.id, -100, s.amount, s.amount - 100, s.version + 2 * round + 1, at
  FROM past JOIN party s ON s.n = source ORDER BY seq;
INSERT INTO balances_balancehistory
    (balance_id, transaction_id, delta, amount_before, amount_after, version, created_at)
  SELECT d.id, past.id, 100, d.amount - 100, d.amount, d.version + 2 * round + 2, at
  FROM past JOIN party d ON d.n = destination ORDER BY seq;
INSERT INTO audit_auditlog
    (actor_id, actor_name, action, entity_type, entity_id, details, request_id, trace_id, ip,
     created_at)
  SELECT s.user_id, CONCAT('user-', s.user_id), 'transaction.completed', 'transaction', past.id,
    '{{"type":"transfer","amount":"1.00","currency":"USD"}}', REPLACE(past.id, '-', ''),
    REPLACE(past.id, '-', ''), '203.0.113.7', at
  FROM past JOIN party s ON s.n = source ORDER BY seq;
INSERT INTO transactions_idempotencykey
    (scope, `key`, fingerprint, transaction_id, answer, answer_status, created_at)
  SELECT CONCAT('user:', s.user_id), CONCAT('key-', seq), REPEAT('0', 64), past.id, '{{}}', 201, at
  FROM past JOIN party s ON s.n = source ORDER BY seq;
UPDATE balances_balance JOIN party USING (id)
  SET entry_count = entry_count + 2 * {rounds},
      balances_balance.version = balances_balance.version + 2 * {rounds};
DROP TABLE past, party;
