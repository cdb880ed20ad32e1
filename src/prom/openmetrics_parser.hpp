// OpenMetrics text 1.0, strictly: single blanks, no blank lines, no comments but metadata, families
// in one piece with their metadata first, names that end as their type demands, counters that are
// numbers, `# EOF` at the end and nothing behind it. Timestamps are in seconds with a fraction;
// they become milliseconds, rounded. Exemplars are checked and left out.
#pragma once

#include <string_view>

#include "prom/scrape_text.hpp"

namespace volta {

// As parse_exposition_text(). `_created` samples are samples like others.
Result<ScrapeTotals> parse_openmetrics(std::string_view body, const ScrapeLimits& limits,
                                       SeriesTexts& texts, ScrapeSink& sink);

// Whether a target's Content-Type says OpenMetrics; anything else is read as text 0.0.4.
bool is_openmetrics(std::string_view content_type);
// The Accept header that asks for what the parsers read.
std::string_view scrape_accept_header();

}  // namespace volta
