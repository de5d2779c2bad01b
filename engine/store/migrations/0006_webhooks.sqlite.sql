CREATE TABLE "webhook" ("id" INTEGER NOT NULL PRIMARY KEY, "uid" TEXT NOT NULL, "url" TEXT NOT NULL, "events" TEXT NOT NULL, "secret" TEXT NOT NULL, "allow_private" INTEGER NOT NULL, "state" TEXT NOT NULL CHECK (state IN ('enabled', 'paused')), "why" TEXT NOT NULL, "clients" TEXT, "products" TEXT, "created_at" INTEGER NOT NULL, "created_by" TEXT NOT NULL);
CREATE UNIQUE INDEX "webhook_uid" ON "webhook" ("uid");
CREATE TABLE "webhook_delivery" ("id" INTEGER NOT NULL PRIMARY KEY, "uid" TEXT NOT NULL, "webhook_id" INTEGER NOT NULL, "type" TEXT NOT NULL, "service" INTEGER, "body" TEXT NOT NULL, "state" TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'failed')), "attempts" INTEGER NOT NULL, "due_at" INTEGER NOT NULL, "tried_at" INTEGER, "status" INTEGER, "error" TEXT NOT NULL, "created_at" INTEGER NOT NULL, "sent_at" INTEGER, FOREIGN KEY ("webhook_id") REFERENCES "webhook" ("id") ON DELETE CASCADE);
CREATE UNIQUE INDEX "webhook_delivery_uid" ON "webhook_delivery" ("uid");
CREATE INDEX "webhook_delivery_webhook_id_state_service_id" ON "webhook_delivery" ("webhook_id", "state", "service", "id");
CREATE INDEX "webhook_delivery_state_due_at" ON "webhook_delivery" ("state", "due_at");
CREATE INDEX "webhook_delivery_created_at" ON "webhook_delivery" ("created_at");
CREATE TABLE "webhook_stuck" ("vm" INTEGER NOT NULL PRIMARY KEY, "at" INTEGER NOT NULL);
