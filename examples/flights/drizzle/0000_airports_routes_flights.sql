CREATE TABLE `airports` (
	`iata` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`city` text,
	`state` text,
	`country` text NOT NULL,
	`location` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `airports_state_city` ON `airports` (`state`,`city`);--> statement-breakpoint
CREATE TABLE `flights` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`origin` text NOT NULL,
	`destination` text NOT NULL,
	`departs_at` integer NOT NULL,
	`delay` integer NOT NULL,
	`late` integer NOT NULL,
	FOREIGN KEY (`origin`,`destination`) REFERENCES `routes`(`origin`,`destination`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `flights_route` ON `flights` (`origin`,`destination`,`departs_at`);--> statement-breakpoint
CREATE TABLE `routes` (
	`origin` text NOT NULL,
	`destination` text NOT NULL,
	`distance` integer NOT NULL,
	`flights` integer DEFAULT 0 NOT NULL,
	PRIMARY KEY(`origin`, `destination`),
	FOREIGN KEY (`origin`) REFERENCES `airports`(`iata`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`destination`) REFERENCES `airports`(`iata`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `routes_destination` ON `routes` (`destination`);