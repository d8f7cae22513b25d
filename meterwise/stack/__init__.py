"""The embedded stack: PostgreSQL, MLflow, Airflow and the Data Docs as child processes of one command."""
