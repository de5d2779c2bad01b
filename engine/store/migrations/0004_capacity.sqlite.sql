CREATE TABLE "capacity" ("id" INTEGER NOT NULL PRIMARY KEY, "server_id" INTEGER NOT NULL, "kind" TEXT NOT NULL CHECK (kind IN ('node', 'storage', 'pool')), "node" TEXT NOT NULL, "name" TEXT NOT NULL, "at" INTEGER NOT NULL, "seen_at" INTEGER NOT NULL, "up" INTEGER NOT NULL, "used" INTEGER NOT NULL, "total" INTEGER NOT NULL, "cpu" REAL, "days_left" REAL, FOREIGN KEY ("server_id") REFERENCES "server" ("id") ON DELETE CASCADE);
CREATE UNIQUE INDEX "capacity_server_id_kind_node_name_at" ON "capacity" ("server_id", "kind", "node", "name", "at");
CREATE INDEX "capacity_at" ON "capacity" ("at");
