-- +goose Up

-- Where agents have signed in from of late: from there the bound on attempts of all addresses together does not hold, so
-- that others' guesses do not keep them out.
CREATE TABLE sign_in_places (
    place   bytea PRIMARY KEY, -- SHA-256 of address and agent
    seen_at timestamptz NOT NULL -- the latest sign-in, to within a day
);
CREATE INDEX sign_in_places_seen ON sign_in_places (seen_at);
