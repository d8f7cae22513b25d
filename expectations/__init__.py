"""What data must look like at each hand-over. File name = table name. Checks inside the warehouse belong to dbt."""
