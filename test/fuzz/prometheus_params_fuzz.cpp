// Any bytes as the form of a Prometheus request, and as a time, a duration and a label in a path.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "api/prometheus_parameters.hpp"
#include "base/assert.hpp"

namespace {

bool within_all_time(std::int64_t ms) {
  return ms >= volta::kAllTime.start_ms && ms <= volta::kAllTime.end_ms;
}

void check_texts(std::string_view text) {
  if (const auto time = volta::parse_prometheus_time(text)) VOLTA_ASSERT(within_all_time(*time));
  if (const auto ms = volta::parse_prometheus_duration(text)) {
    VOLTA_ASSERT(*ms >= -9'223'372'036'000);
  }
  if (const auto label = volta::label_of_path(text)) VOLTA_ASSERT(!label->empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_texts(text);
  volta::HttpRequest request;
  request.method = "POST";
  request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
  request.body = text;
  auto read = volta::PrometheusParameters::of(request);
  if (const auto* declined = std::get_if<volta::Declined>(&read)) {
    VOLTA_ASSERT(declined->problem.status == 400 && !declined->problem.detail.empty());
    return 0;
  }
  auto& given = std::get<volta::PrometheusParameters>(read);
  check_texts(given.text("start"));
  check_texts(given.text("step"));
  const volta::TimeSpan span = given.span();
  VOLTA_ASSERT(given.declined() || span.start_ms <= span.end_ms);
  given.required_duration("step");
  given.limit("limit");
  VOLTA_ASSERT(given.all("match[]").size() <= 1024);
  return 0;
}
