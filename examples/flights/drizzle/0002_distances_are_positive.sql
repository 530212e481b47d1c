PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_routes` (
	`origin` text NOT NULL,
	`destination` text NOT NULL,
	`distance` integer NOT NULL,
	`flights` integer DEFAULT 0 NOT NULL,
	PRIMARY KEY(`origin`, `destination`),
	FOREIGN KEY (`origin`) REFERENCES `airports`(`iata`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`destination`) REFERENCES `airports`(`iata`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "routes_distance_positive" CHECK("__new_routes"."distance" > 0)
);
--> statement-breakpoint
INSERT INTO `__new_routes`("origin", "destination", "distance", "flights") SELECT "origin", "destination", "distance", "flights" FROM `routes`;--> statement-breakpoint
DROP TABLE `routes`;--> statement-breakpoint
ALTER TABLE `__new_routes` RENAME TO `routes`;--> statement-breakpoint
PRAGMA foreign_keys=ON;--> statement-breakpoint
CREATE INDEX `routes_destination` ON `routes` (`destination`);