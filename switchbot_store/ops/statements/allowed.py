"""What a read-only statement may be made of; everything that is not here is refused.

Functions are those of PostgreSQL's own schema that compute from their arguments or tell
about the database. None writes, signals, sleeps, locks, counts a sequence on, runs SQL
that it is given as text, or reaches files, the network, other sessions or settings.
Source: https://www.postgresql.org/docs/current/functions.html
"""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


STATEMENTS: Final = frozenset({"SelectStmt", "VariableShowStmt"})

# Without INTO, FOR UPDATE, parameters, cursors, and everything that writes.
NODES: Final = _names(
    """
    A_ArrayExpr A_Const A_Expr A_Indices A_Indirection A_Star Alias BitString BoolExpr
    Boolean BooleanTest CTECycleClause CTESearchClause CaseExpr CaseWhen CoalesceExpr
    CollateClause ColumnDef ColumnRef CommonTableExpr Float FuncCall GroupingFunc
    GroupingSet Integer JoinExpr JsonAggConstructor JsonArgument JsonArrayAgg
    JsonArrayConstructor JsonArrayQueryConstructor JsonBehavior JsonFormat JsonFuncExpr
    JsonIsPredicate JsonKeyValue JsonObjectAgg JsonObjectConstructor JsonOutput
    JsonParseExpr JsonReturning JsonScalarExpr JsonSerializeExpr JsonTable
    JsonTableColumn JsonTablePathSpec JsonValueExpr MinMaxExpr NamedArgExpr NullIfExpr
    NullTest RangeFunction RangeSubselect RangeTableFunc RangeTableFuncCol
    RangeTableSample RangeVar RawStmt ResTarget RowExpr SQLValueFunction SelectStmt
    SetToDefault SortBy String SubLink TypeCast TypeName VariableShowStmt WindowDef
    WithClause XmlExpr XmlSerialize
    """
)

FUNCTIONS: Final = _names(
    """
    abbrev abs acos acosd acosh age any_value area array_agg array_append array_cat
    array_dims array_fill array_length array_lower array_ndims array_position
    array_positions array_prepend array_remove array_replace array_reverse array_sample
    array_shuffle array_sort array_to_json array_to_string array_to_tsvector array_upper
    ascii asin asind asinh atan atan2 atan2d atand atanh avg bernoulli bit_and bit_count
    bit_length bit_or bit_xor bool_and bool_or bound_box box broadcast btrim cardinality
    casefold cbrt ceil ceiling center char_length character_length chr circle
    clock_timestamp col_description concat concat_ws convert_from convert_to corr cos
    cosd cosh cot cotd count covar_pop covar_samp crc32 crc32c cume_dist current_catalog
    current_database current_query current_role current_schema current_schemas
    current_user date date_add date_bin date_part date_subtract date_trunc
    datemultirange daterange decode degrees dense_rank diagonal diameter div encode
    enum_first enum_last enum_range erf erfc every exp extract factorial family
    first_value floor format format_type gamma gcd gen_random_uuid generate_series
    generate_subscripts get_bit get_byte grouping has_any_column_privilege
    has_column_privilege has_database_privilege has_function_privilege
    has_schema_privilege has_sequence_privilege has_table_privilege
    has_tablespace_privilege has_type_privilege height host hostmask inet_merge
    inet_same_family initcap int4multirange int4range int8multirange int8range
    is_normalized isclosed isempty isfinite ishorizontal isopen isparallel isperp
    isvertical json_agg json_agg_strict json_array_elements json_array_elements_text
    json_array_length json_build_array json_build_object json_each json_each_text
    json_extract_path json_extract_path_text json_object json_object_agg
    json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict
    json_object_keys json_populate_record json_populate_recordset json_strip_nulls
    json_to_record json_to_recordset json_typeof jsonb_agg jsonb_agg_strict
    jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array
    jsonb_build_object jsonb_concat jsonb_contained jsonb_contains jsonb_delete
    jsonb_delete_path jsonb_each jsonb_each_text jsonb_exists jsonb_exists_all
    jsonb_exists_any jsonb_extract_path jsonb_extract_path_text jsonb_insert
    jsonb_object jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique
    jsonb_object_agg_unique_strict jsonb_object_keys jsonb_path_exists
    jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query
    jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first
    jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record
    jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls
    jsonb_to_record jsonb_to_recordset jsonb_typeof justify_days justify_hours
    justify_interval lag last_value lcm lead left length lgamma like like_escape line ln
    log log10 lower lower_inc lower_inf lpad lseg ltrim macaddr8_set7bit make_date
    make_interval make_time make_timestamp make_timestamptz masklen max md5 min
    min_scale mod mode multirange netmask network normalize notlike now npoints
    nth_value ntile num_nonnulls num_nulls nummultirange numnode numrange
    obj_description octet_length overlaps overlay parse_ident path pclose percent_rank
    percentile_cont percentile_disc pg_backend_pid pg_client_encoding
    pg_column_compression pg_column_size pg_conf_load_time pg_database_size
    pg_describe_object pg_get_constraintdef pg_get_expr pg_get_function_arguments
    pg_get_function_identity_arguments pg_get_function_result pg_get_functiondef
    pg_get_indexdef pg_get_keywords pg_get_partition_constraintdef pg_get_partkeydef
    pg_get_ruledef pg_get_serial_sequence pg_get_statisticsobjdef pg_get_triggerdef
    pg_get_userbyid pg_get_viewdef pg_has_role pg_identify_object
    pg_index_column_has_property pg_index_has_property pg_indexes_size pg_is_in_recovery
    pg_is_other_temp_schema pg_my_temp_schema pg_opclass_is_visible
    pg_partition_ancestors pg_partition_root pg_partition_tree pg_postmaster_start_time
    pg_relation_size pg_sequence_last_value pg_size_bytes pg_size_pretty
    pg_stat_get_dead_tuples pg_stat_get_live_tuples pg_table_is_visible pg_table_size
    pg_tablespace_size pg_total_relation_size pg_type_is_visible pg_typeof
    pg_wal_lsn_diff phraseto_tsquery pi plainto_tsquery point polygon popen position pow
    power querytree quote_ident quote_literal quote_nullable radians radius random
    random_normal range_agg range_intersect_agg range_merge rank regexp_count
    regexp_instr regexp_like regexp_match regexp_matches regexp_replace
    regexp_split_to_array regexp_split_to_table regexp_substr regr_avgx regr_avgy
    regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy repeat
    replace reverse right round row_number row_security_active row_to_json rpad rtrim
    scale session_user set_bit set_byte set_masklen setweight sha224 sha256 sha384
    sha512 shobj_description sign similar_escape similar_to_escape sin sind sinh slope
    split_part sqrt starts_with statement_timestamp stddev stddev_pop stddev_samp
    string_agg string_to_array string_to_table strip strpos substr substring sum system
    tan tand tanh text textlen timeofday timestamp timestamptz timezone to_ascii to_bin
    to_char to_date to_hex to_json to_jsonb to_number to_oct to_regclass to_regcollation
    to_regnamespace to_regoper to_regoperator to_regproc to_regprocedure to_regrole
    to_regtype to_timestamp to_tsquery to_tsvector transaction_timestamp translate
    trim_array trim_scale trunc ts_delete ts_filter ts_headline ts_rank ts_rank_cd
    tsmultirange tsquery_phrase tsrange tstzmultirange tstzrange tsvector_to_array
    unicode_assigned unistr unnest upper upper_inc upper_inf user uuid_extract_timestamp
    uuid_extract_version uuidv4 uuidv7 var_pop var_samp variance version
    websearch_to_tsquery width width_bucket xml_is_well_formed
    xml_is_well_formed_content xml_is_well_formed_document xmlagg xmlcomment xmlconcat
    xmlexists xmltext xpath xpath_exists
    """
)

# They hold passwords, or show files of the server or what other hosts are asked with.
SECRET_RELATIONS: Final = _names(
    """
    foreign_data_wrapper_options foreign_data_wrappers foreign_server_options
    foreign_servers foreign_table_options foreign_tables pg_authid pg_db_role_setting
    pg_file_settings
    pg_foreign_data_wrapper pg_foreign_server pg_foreign_table pg_hba_file_rules
    pg_ident_file_mappings pg_largeobject pg_largeobject_metadata pg_settings pg_shadow
    pg_stat_gssapi pg_stat_ssl pg_stat_subscription pg_stat_wal_receiver pg_statistic
    pg_subscription pg_user_mapping pg_user_mappings user_mapping_options user_mappings
    """
)

# What is set for a role or a database may be a secret of an application. Of roles all else
# may be read: the catalogue's own views have it in a column of its own.
SECRET_COLUMNS: Final = {
    "pg_roles": frozenset({"rolconfig"}),
    "pg_user": frozenset({"useconfig"}),
}

SECRET_SETTINGS: Final = _names(
    """
    all archive_cleanup_command archive_command archive_library config_file
    data_directory dynamic_library_path external_pid_file hba_file ident_file
    jit_provider krb_server_keyfile local_preload_libraries log_directory log_filename
    primary_conninfo recovery_end_command restore_command session_preload_libraries
    shared_preload_libraries ssl_cert_file ssl_dh_params_file ssl_key_file
    ssl_passphrase_command
    stats_temp_directory unix_socket_directories
    """
)
