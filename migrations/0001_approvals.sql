CREATE TABLE `approvals` (
	`id` text PRIMARY KEY NOT NULL,
	`digest` text NOT NULL,
	`version` integer NOT NULL,
	`state` text NOT NULL,
	`kind` text NOT NULL,
	`principal_id` text NOT NULL,
	`principal_kind` text NOT NULL,
	`target` text NOT NULL,
	`summary` text NOT NULL,
	`tables` text NOT NULL,
	`rules` text NOT NULL,
	`asked` text NOT NULL,
	`revision` integer NOT NULL,
	`requested_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`decided_at` integer,
	`decided_by` text NOT NULL,
	`reason` text NOT NULL,
	`session_id` text,
	`action` integer
);
--> statement-breakpoint
CREATE INDEX `approvals_by_time` ON `approvals` (`requested_at`,`id`);--> statement-breakpoint
CREATE INDEX `approvals_by_principal` ON `approvals` (`principal_id`,`requested_at`);--> statement-breakpoint
CREATE INDEX `approvals_pending` ON `approvals` (`expires_at`) WHERE state = 'pending';--> statement-breakpoint
CREATE TABLE `grants` (
	`id` text PRIMARY KEY NOT NULL,
	`version` integer NOT NULL,
	`principal_id` text NOT NULL,
	`target` text NOT NULL,
	`starts_at` integer NOT NULL,
	`ends_at` integer NOT NULL,
	`ended_at` integer,
	`end` text,
	`ended_by` text
);
--> statement-breakpoint
CREATE INDEX `grants_by_principal` ON `grants` (`principal_id`,`starts_at`);--> statement-breakpoint
CREATE TABLE `votes` (
	`approval_id` text NOT NULL,
	`seq` integer NOT NULL,
	`at` integer NOT NULL,
	`principal_id` text NOT NULL,
	`groups` text NOT NULL,
	`vote` text NOT NULL,
	`reason` text NOT NULL,
	`digest` text NOT NULL,
	`via` text NOT NULL,
	`address` text NOT NULL,
	`country` text NOT NULL,
	PRIMARY KEY(`approval_id`, `seq`)
);
--> statement-breakpoint
CREATE INDEX `votes_by_principal` ON `votes` (`principal_id`,`at`);