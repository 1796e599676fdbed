-- A run as stages leave it before publishing, every value fixed: `test_v1_views` publishes it.
INSERT INTO daily_runs.run (run_key, feature, environment, logical_date)
VALUES ('code_suggestions/production/2026-08-17T06:00:00Z', 'code_suggestions', 'production', '2026-08-17 06:00:00Z');

INSERT INTO daily_runs.attempt (attempt_id, run_key, status, plan_hash, asked, shards, provenance, dataset_sha256,
                                rubric_version, judge_model, airflow_run_id, note, started_at)
VALUES ('5f1c1d5e-0000-4000-8000-000000000001', 'code_suggestions/production/2026-08-17T06:00:00Z', 'running', 'plan', 8,
        2, 'live', 'd0d0', 'rubric-1', 'claude-sonnet-5-5', 'scheduled__2026-08-17T06:00:00+00:00', 'a note',
        '2026-08-17 06:00:05Z');

INSERT INTO daily_runs.answer (attempt_id, prompt_id, item_id, shard, status, tries, evaluation_user, ticket, sent_at,
                               settled_at, answer, serving_provider, serving_model, input_tokens, output_tokens,
                               error_hop, error_kind, error_blame, error_evidence)
SELECT '5f1c1d5e-0000-4000-8000-000000000001', prompt_id, split_part(prompt_id, '#', 1), 0, status, tries, 'evaluation-1',
       NULL, sent_at::timestamptz, settled_at::timestamptz, answer, provider, model, input_tokens, output_tokens, hop, kind,
       blame, evidence
FROM (VALUES
    ('go-1#1', 'answered', 1, '2026-08-17 06:01:00Z', '2026-08-17 06:01:01.2345Z', 'return nil', 'vertex_ai', 'codestral@2405', 1200, 40, NULL, NULL, NULL, NULL),
    ('go-1#2', 'answered', 2, '2026-08-17 06:01:00Z', '2026-08-17 06:01:03.0005Z', 'return err', 'vertex_ai', 'codestral@2405', 1201, 41, NULL, NULL, NULL, NULL),
    ('rust-1#1', 'answered', 1, '2026-08-17 06:01:01Z', '2026-08-17 06:01:01.4275Z', 'Ok(())', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('rust-1#2', 'answered', 1, '2026-08-17 06:01:02Z', '2026-08-17 06:01:09.9995Z', 'Err("ü, 日本")', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('node-1#1', 'answered', 1, '2026-08-17 06:01:02Z', '2026-08-17 06:01:02.0125Z', 'return;', 'anthropic', 'claude', 900, 12, NULL, NULL, NULL, NULL),
    ('node-1#2', 'failed', 3, '2026-08-17 06:01:03Z', '2026-08-17 06:01:33Z', NULL, NULL, NULL, NULL, NULL, 'unknown', 'timeout', 'provider', 'no answer within 30 s'),
    ('java-1#1', 'failed', 1, '2026-08-17 06:01:03Z', '2026-08-17 06:01:04Z', NULL, NULL, NULL, NULL, NULL, 'gitlab', 'rate_limited', 'rate_limit', 'HTTP 429'),
    ('java-1#2', 'answered', 1, '2026-08-17 06:01:04Z', '2026-08-17 06:01:05.5Z', 'throw e;', 'anthropic', 'claude', 901, 13, NULL, NULL, NULL, NULL)
) AS asked (prompt_id, status, tries, sent_at, settled_at, answer, provider, model, input_tokens, output_tokens, hop, kind,
            blame, evidence);

INSERT INTO daily_runs.judgement (attempt_id, prompt_id, verdict_key, status, tries, error_hop, error_kind, settled_at)
VALUES ('5f1c1d5e-0000-4000-8000-000000000001', 'go-1#1', 'v1', 'scored', 1, NULL, NULL, '2026-08-17 06:02Z'),
       ('5f1c1d5e-0000-4000-8000-000000000001', 'go-1#2', 'v2', 'scored', 1, NULL, NULL, '2026-08-17 06:02Z'),
       ('5f1c1d5e-0000-4000-8000-000000000001', 'rust-1#1', 'v1', 'scored', 1, NULL, NULL, '2026-08-17 06:02Z'),
       ('5f1c1d5e-0000-4000-8000-000000000001', 'rust-1#2', 'v3', 'scored', 1, NULL, NULL, '2026-08-17 06:02Z'),
       ('5f1c1d5e-0000-4000-8000-000000000001', 'node-1#1', 'v3', 'scored', 1, NULL, NULL, '2026-08-17 06:02Z'),
       ('5f1c1d5e-0000-4000-8000-000000000001', 'java-1#2', 'x', 'unscored', 3, 'model_vendor', 'unusable_verdict', '2026-08-17 06:02Z');

INSERT INTO daily_runs.verdict (verdict_key, rubric_version, judge_model, reasons, scores, score, input_tokens,
                                output_tokens, judged_at)
VALUES ('v1', 'rubric-1', 'claude-sonnet-5-5', 'Good.', '{"fit": 5, "correctness": 4}', 0.8125, 4000, 300, '2026-08-17 06:02Z'),
       ('v2', 'rubric-1', 'claude-sonnet-5-5', 'Poor.', '{"correctness": 2, "fit": 3}', 0.3333333333333333, 4100, 310, '2026-08-17 06:02Z'),
       ('v3', 'rubric-1', 'claude-sonnet-5-5', 'Fair.', '{"fit": 3, "correctness": 3}', 0.5, NULL, NULL, '2026-08-17 06:02Z');
