// The words that both exposition formats are made of: a series, a label set, a number.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "prom/label_rules.hpp"
#include "prom/scrape_text.hpp"

namespace volta {

// The whole of `text` as Go's ParseFloat reads decimal numbers: also NaN, Inf and Infinity in any
// case and with a sign; too small becomes 0, too large is no number.
std::optional<double> exposition_number(std::string_view text);

// Whether blanks may stand between the parts of a series, and a comma after its last label.
enum class Blanks : std::uint8_t { anywhere, nowhere };

class SeriesScanner {
 public:
  SeriesScanner(const ScrapeLimits& limits, SeriesTexts& texts, Blanks blanks)
      : limits_(&limits),
        label_limits_{limits.most_labels, limits.longest_name, limits.longest_value},
        texts_(&texts),
        blanks_(blanks) {}

  // Cuts a series off the front of `line`, which holds no LF. Null: problem() says why not.
  const SeriesTexts::Entry* cut_series(std::string_view& line);
  // Cuts a label set with its braces off; labels() has it. False: problem() says why not.
  bool cut_labels(std::string_view& line);
  // As they stood; valid until the next call.
  [[nodiscard]] const std::vector<LabelView>& labels() const { return labels_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  bool cut_label(std::string_view& rest);
  bool cut_value(std::string_view& rest, std::string_view& value);
  void skip_blanks(std::string_view& rest) const;
  bool fail(std::string problem);

  const ScrapeLimits* limits_;
  LabelLimits label_limits_;
  SeriesTexts* texts_;
  Blanks blanks_;
  std::string unescaped_;  // never grows while views point into it
  std::vector<LabelView> labels_;
  std::string problem_;
};

// With the escapes of HELP texts undone (\\ and \n; in OpenMetrics \" too). Empty: not UTF-8.
std::optional<std::string> help_text(std::string_view escaped, bool quotes_too);

// The length of the metric or label name that `text` begins with; colons count.
std::size_t name_length(std::string_view text);

// "line 12: the label ..."
Error line_error(std::size_t line, std::string_view problem);

}  // namespace volta
