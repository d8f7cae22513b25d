import sys; sys.path.insert(0,'/work/wt/validation2/tests/integration')
from pydantic import SecretStr
from test_validation_rules import *
def test_pg(built, postgres_server):
    url=SecretStr(postgres_server.create_database("val"))
    pg=built.model_copy(update={"home":built.home_path.parent/"pg","warehouse":"postgresql","warehouse_url":url,"database_url":url})
    Warehouse(pg).create_raw_tables()
    Warehouse(pg).execute("create table raw.meter_reads_all partition of raw.meter_reads default")
    for t in ("load_audit","service_points","meters","crm_customers","crm_contracts","meter_reads","register_reads"):
        for l in Warehouse(built).arrow(f"select distinct load_id from raw.{t}")["load_id"].to_pylist():
            rows=Warehouse(built).arrow(f"select * from raw.{t} where load_id=$l",{"l":l})
            Warehouse(pg).replace_partition(f"raw.{t}",rows,{"load_id":l})
    import time;a=time.time()
    transform.build(SELECTED,[DAY],pg); print(time.time()-a)
    q="select meter_id,broken_rules,is_rejected,count(*) as n,min(local_date) as a,max(local_date) as b,min(consumption_kwh) as k from intermediate.int_read_findings group by 1,2,3 order by 1,2,3"
    assert Warehouse(pg).arrow(q).to_pylist()==Warehouse(built).arrow(q).to_pylist()
