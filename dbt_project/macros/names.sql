{# A folder is a schema, in every target: readers find features.features_demand, not main_features.features_demand. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}

{# dbt wants names unique over all layers; what is published carries the name that its readers know. #}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
    {{ custom_alias_name or (node.name[8:] if node.name.startswith('publish_') else node.name) }}
{%- endmacro %}
