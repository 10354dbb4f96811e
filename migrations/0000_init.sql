CREATE TABLE `action_tables` (
	`session_id` text NOT NULL,
	`action` integer NOT NULL,
	`table_name` text NOT NULL,
	PRIMARY KEY(`table_name`, `session_id`, `action`)
);
--> statement-breakpoint
CREATE TABLE `actions` (
	`session_id` text NOT NULL,
	`action` integer NOT NULL,
	`at` integer NOT NULL,
	`via` text NOT NULL,
	`statement` text NOT NULL,
	`truncated` integer NOT NULL,
	`statement_digest` text NOT NULL,
	`effect` text NOT NULL,
	`verbs` text NOT NULL,
	`tables` text NOT NULL,
	`facts` text,
	`decision` text NOT NULL,
	`rules` text NOT NULL,
	`code` text,
	`revision` integer NOT NULL,
	`outcome` text,
	`rows` integer,
	`bytes` integer,
	`duration_ms` integer,
	`error` text,
	`digest` text,
	PRIMARY KEY(`session_id`, `action`)
);
--> statement-breakpoint
CREATE INDEX `actions_not_allowed` ON `actions` (`session_id`) WHERE decision <> 'allow';--> statement-breakpoint
CREATE INDEX `actions_not_succeeded` ON `actions` (`session_id`) WHERE outcome <> 'succeeded';--> statement-breakpoint
CREATE TABLE `policy_revisions` (
	`revision` integer PRIMARY KEY NOT NULL,
	`hash` text NOT NULL,
	`document` text NOT NULL,
	`applied_at` integer NOT NULL,
	`applied_by` text NOT NULL,
	`note` text DEFAULT '' NOT NULL
);
--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`target` text NOT NULL,
	`protocol` text NOT NULL,
	`principal_id` text NOT NULL,
	`principal_kind` text NOT NULL,
	`groups` text NOT NULL,
	`client_name` text NOT NULL,
	`client_address` text NOT NULL,
	`country` text NOT NULL,
	`revision` integer NOT NULL,
	`started_at` integer NOT NULL,
	`ended_at` integer,
	`end_code` text,
	`seen_at` integer NOT NULL,
	`actions` integer NOT NULL,
	`refused` integer NOT NULL,
	`rows` integer NOT NULL,
	`bytes` integer NOT NULL,
	`rules` text NOT NULL,
	`events` integer NOT NULL,
	`head_hash` text NOT NULL,
	`recording_key` text
);
--> statement-breakpoint
CREATE INDEX `sessions_by_time` ON `sessions` (`started_at`,`id`);--> statement-breakpoint
CREATE INDEX `sessions_by_principal` ON `sessions` (`principal_id`,`started_at`);--> statement-breakpoint
CREATE INDEX `sessions_by_target` ON `sessions` (`target`,`started_at`);--> statement-breakpoint
CREATE INDEX `sessions_open` ON `sessions` (`seen_at`) WHERE ended_at IS NULL;