// Exposition text 0.0.4, as targets serve it and textfile folders hold it. Timestamps are in
// milliseconds. Blanks and tabs may stand between all words; blank lines and comments are passed
// over; metadata may come late or twice (many exporters do so): the last word wins.
#pragma once

#include <string_view>

#include "prom/scrape_text.hpp"

namespace volta {

// An Error names the line ("line 12: ..."); what the sink got before stays with it, so who needs
// all or nothing keeps the samples until the end. The last line needs no LF.
Result<ScrapeTotals> parse_exposition_text(std::string_view body, const ScrapeLimits& limits,
                                           SeriesTexts& texts, ScrapeSink& sink);

}  // namespace volta
