#!/bin/sh
# Makes the server's role and its database. The image of PostgreSQL runs it once, as superuser, on an empty volume.
set -eu
psql --set=ON_ERROR_STOP=1 --quiet --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
\getenv password MODELFLEET_PASSWORD
CREATE ROLE modelfleet LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION PASSWORD :'password';
CREATE DATABASE modelfleet OWNER modelfleet;
REVOKE ALL ON DATABASE modelfleet, postgres, template1 FROM PUBLIC;
SQL
