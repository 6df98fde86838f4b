-- Which products were last changed by a person: those whose revision is still the one that the edit made. Imports write nothing here.
CREATE TABLE product_edit (
  product INTEGER PRIMARY KEY,
  revision INTEGER NOT NULL
) STRICT;
