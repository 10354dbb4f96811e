// Functions, operators and casts that cannot fail whatever value they are given. All others may raise an error for one
// value and not for another, run longer, or return more rows, and so answer a question about a value that the result
// itself hides: `1 / (salary - 5000)`. Using a column in those counts as a condition on it.
const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Whatever all of their arguments are. */
export const TOTAL: ReadonlySet<string> = words(`
  any_value array_to_json array_to_string array_length array_ndims array_upper array_lower avg bit_and bit_or
  bit_xor bool_and bool_or btrim ltrim rtrim trim cardinality concat concat_ws count every first_value last_value
  grouping json_build_array jsonb_build_array json_agg json_agg_strict jsonb_agg jsonb_agg_strict json_build_array jsonb_build_array json_typeof
  jsonb_typeof lag lead max min mode num_nonnulls num_nulls pg_typeof pg_column_size
  quote_ident quote_literal quote_nullable rank dense_rank row_number percent_rank cume_dist row_to_json starts_with
  stddev stddev_pop stddev_samp string_agg sum to_json to_jsonb var_pop var_samp variance strpos position
  left right coalesce isfinite isempty lower_inc upper_inc lower_inf upper_inf
  family host masklen text network broadcast netmask ascii`);

/** Whatever the first argument is; in the others a column counts as a condition. */
export const TOTAL_IN_FIRST: ReadonlySet<string> = words(`
  bit_length ceil ceiling char_length character_length floor hashtext hashtextextended initcap length lower md5
  nth_value octet_length overlay regexp_substr regexp_match regexp_count regexp_like regexp_instr
  reverse round sha224 sha256 sha384 sha512 sign split_part substr substring to_char translate trunc upper
  encode jsonb_pretty jsonb_strip_nulls json_strip_nulls unaccent normalize similarity soundex`);

/**
 * They make long texts of short ones: of a column as it is and of short constants only, or what comes out would be too long
 * for one value and not for another.
 */
export const GROWING: ReadonlySet<string> = words('replace regexp_replace');

/** What is shown of a run tells how large values were: then only these, whose results are of one size, hide them. */
export const OF_ONE_SIZE: ReadonlySet<string> =
  words(`any_value avg bool_and bool_or count every max min sum
  first_value last_value lag lead date_trunc date_part extract`);

/** Their first argument is a field or a format; the second is the value. */
export const TOTAL_IN_SECOND: ReadonlySet<string> = words('date_trunc date_part extract');

/** Comparing and joining texts never fails; patterns are judged with the right side. */
export const TOTAL_OPERATORS: ReadonlySet<string> = words(
  '= <> != < <= > >= || ~~ ~~* !~~ !~~* -> ->> #> #>> @> <@ && ?',
);

/** Types that every value can be turned into. */
export const TOTAL_TYPES: ReadonlySet<string> = words('text varchar bpchar char name');
