-- The catalogue: one for the instance. Times are milliseconds since 1970.

CREATE TABLE catalogue (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL
) STRICT;
INSERT INTO catalogue (id, revision) VALUES (1, 0);

-- What lists and searches read stands first: a row's long tail (body, more) lies on overflow pages that they never touch.
CREATE TABLE product (
  id INTEGER PRIMARY KEY,
  handle TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  vendor TEXT,
  product_type TEXT,
  tags TEXT,
  published INTEGER NOT NULL,
  option1_name TEXT,
  option2_name TEXT,
  option3_name TEXT,
  revision INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  body_html TEXT,
  more TEXT NOT NULL
) STRICT;

-- Known by product and option values; `id` keeps the order in which they came.
CREATE TABLE variant (
  id INTEGER PRIMARY KEY,
  product INTEGER NOT NULL,
  option1 TEXT NOT NULL,
  option2 TEXT NOT NULL,
  option3 TEXT NOT NULL,
  sku TEXT,
  price TEXT,
  compare_at_price TEXT,
  inventory_qty INTEGER,
  more TEXT NOT NULL,
  UNIQUE (product, option1, option2, option3)
) STRICT;

-- Known by product and source.
CREATE TABLE image (
  id INTEGER PRIMARY KEY,
  product INTEGER NOT NULL,
  src TEXT NOT NULL,
  alt TEXT,
  position INTEGER,
  UNIQUE (product, src)
) STRICT;

-- What an import has done so far, so that it counts each product once however often it is interrupted. `job` is the job's
-- rowid, or null once the job is done with it: then its outcomes are swept in slices, since a million at once would hold up
-- the writer.
CREATE TABLE import_run (
  id INTEGER PRIMARY KEY,
  job INTEGER UNIQUE,
  created INTEGER NOT NULL DEFAULT 0,
  updated INTEGER NOT NULL DEFAULT 0,
  unchanged INTEGER NOT NULL DEFAULT 0
) STRICT;

-- `outcome`: 0 unchanged, 1 updated, 2 created. `defined`: bit 0 the product's own fields, bits 1 to 3 its option names.
CREATE TABLE import_outcome (
  run INTEGER NOT NULL,
  product INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  defined INTEGER NOT NULL,
  PRIMARY KEY (run, product)
) STRICT, WITHOUT ROWID;

-- Rows of a run's latest batch that could not be applied: kept until the next batch, since a crash may lose the answer.
CREATE TABLE import_reject (
  run INTEGER NOT NULL,
  line INTEGER NOT NULL,
  handle TEXT NOT NULL,
  PRIMARY KEY (run, line)
) STRICT, WITHOUT ROWID;
