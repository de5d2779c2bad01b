CREATE TABLE "api_token" ("id" SERIAL NOT NULL PRIMARY KEY, "name" TEXT NOT NULL, "role" TEXT NOT NULL CHECK (role IN ('viewer', 'support', 'operator', 'owner', 'metrics')), "clients" TEXT, "products" TEXT, "digest" TEXT NOT NULL, "created_at" BIGINT NOT NULL, "created_by" TEXT NOT NULL, "expires_at" BIGINT, "revoked_at" BIGINT, "rotated_at" BIGINT, "last_used_at" BIGINT, "last_address" TEXT NOT NULL);
CREATE UNIQUE INDEX "api_token_name" ON "api_token" ("name");
CREATE UNIQUE INDEX "api_token_digest" ON "api_token" ("digest");
