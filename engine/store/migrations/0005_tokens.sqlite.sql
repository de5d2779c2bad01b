CREATE TABLE "api_token" ("id" INTEGER NOT NULL PRIMARY KEY, "name" TEXT NOT NULL, "role" TEXT NOT NULL CHECK (role IN ('viewer', 'support', 'operator', 'owner', 'metrics')), "clients" TEXT, "products" TEXT, "digest" TEXT NOT NULL, "created_at" INTEGER NOT NULL, "created_by" TEXT NOT NULL, "expires_at" INTEGER, "revoked_at" INTEGER, "rotated_at" INTEGER, "last_used_at" INTEGER, "last_address" TEXT NOT NULL);
CREATE UNIQUE INDEX "api_token_name" ON "api_token" ("name");
CREATE UNIQUE INDEX "api_token_digest" ON "api_token" ("digest");
