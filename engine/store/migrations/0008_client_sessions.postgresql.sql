CREATE TABLE "client_session" ("id" SERIAL NOT NULL PRIMARY KEY, "service_id" INTEGER NOT NULL, "view" BOOLEAN NOT NULL, "link" TEXT NOT NULL, "cookie" TEXT, "created_at" BIGINT NOT NULL, "created_by" TEXT NOT NULL, "entered_at" BIGINT, "address" TEXT NOT NULL, "seen_at" BIGINT, "expires_at" BIGINT NOT NULL, "ended_at" BIGINT, "language" TEXT NOT NULL, "reveals" INTEGER, FOREIGN KEY ("service_id") REFERENCES "service" ("id") ON DELETE CASCADE);
CREATE INDEX "client_session_service_id" ON "client_session" ("service_id");
CREATE UNIQUE INDEX "client_session_link" ON "client_session" ("link");
CREATE UNIQUE INDEX "client_session_cookie" ON "client_session" ("cookie");
CREATE INDEX "client_session_expires_at" ON "client_session" ("expires_at");
