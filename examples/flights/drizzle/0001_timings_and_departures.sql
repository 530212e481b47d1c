CREATE TABLE `timings` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`minute` integer NOT NULL,
	`delay` integer NOT NULL,
	`distance` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `flights_departures` ON `flights` (`origin`,`departs_at`);