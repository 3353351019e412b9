"""How good labels are: measures against reference labels, their spread, tables and pictures."""
