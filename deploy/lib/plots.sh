# shellcheck shell=bash
# Plots without Grafana: the queries of the overview in Prometheus' own page. Prometheus
# serves the page that leads there, from its folder of console templates.

OVERVIEW=$MONITORING/grafana/dashboards/twitch-chatters-overview.json
PLOTS_RANGE=15m

# The page of queries has another address since Prometheus 3.
query_page() {
  case $(prometheus --version 2>&1) in
    'prometheus, version '[12].*) printf /graph ;;
    *) printf /query ;;
  esac
}

# Lines of a word and the rest: a row of the dashboard, the queries of its panels, and after
# those of a panel its title. Queries to Loki are left out.
overview_lines() {
  awk '/^      "title": "/ { title = $0 }
    /^      "type": "/ { print ($2 ~ /"row"/ ? "row" : "panel") title }
    /^            "type": "(prometheus|loki)",?$/ { ours = /prometheus/ }
    /^          "expr": "/ && ours { print "query" $0 }' "$OVERVIEW" |
    sed -e 's/ *"[a-z]*": "/ /' -e 's/",\{0,1\}$//' -e 's/\\\(["\\]\)/\1/g' \
      -e "s/\$__rate_interval/$(($(interval_seconds) * 4))s/g"
}

url_encoded() {
  local LC_ALL=C text=$1 i char
  for ((i = 0; i < ${#text}; i++)); do
    char=${text:i:1}
    case $char in
      [A-Za-z0-9._~-]) printf '%s' "$char" ;;
      *) printf '%%%02X' "'$char" ;;
    esac
  done
}

# queries_url QUERY...: at most ten, as the page of Debian's Prometheus mixes up more
queries_url() {
  local query number=0 separator='?'
  query_page
  for query in "$@"; do
    printf '%sg%d.expr=%s&amp;g%d.tab=0&amp;g%d.range_input=%s' "$separator" "$number" "$(url_encoded "$query")" \
      "$number" "$number" "$PLOTS_RANGE"
    number=$((number + 1)) separator='&amp;'
  done
}

# write_section TITLE PANELS QUERY...
write_section() {
  local title=$1 panels=$2 url
  shift 2
  (($# > 0)) || return 0
  url=$(queries_url "$@")
  printf '<h2><a href="%s">%s</a></h2>\n<p>%s</p>\n<iframe src="%s"></iframe>\n' "$url" "$title" "${panels%, }" "$url"
}

write_plots() {
  local word rest title='' panels='' queries=() seen=0
  mkdir -p -- "$1"
  {
    printf '<!doctype html>\n<title>Overview</title>\n'
    # The pages in the frames ask for the focus, and the browser goes there.
    printf '<body onload="scrollTo(0, 0)">\n'
    printf '<style>body { font-family: sans-serif } iframe { width: 100%%; height: 90vh }</style>\n'
    while read -r word rest; do
      case $word in
        row)
          write_section "$title" "$panels" "${queries[@]}"
          title=$rest panels='' queries=() seen=0
          ;;
        query) queries+=("$rest") ;;
        panel)
          ((${#queries[@]} == seen)) || panels+="$rest, "
          seen=${#queries[@]}
          ;;
      esac
    done < <(overview_lines)
    write_section "$title" "$panels" "${queries[@]}"
  } >"$1/plots.html"
}

show_plots() {
  printf '  %-24s %s\n' 'plots without Grafana' "$(address_of prometheus)/consoles/plots.html"
}
