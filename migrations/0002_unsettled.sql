DROP INDEX `sessions_open`;--> statement-breakpoint
CREATE INDEX `sessions_unsettled` ON `sessions` (`seen_at`) WHERE recording_key IS NULL;