#include "query/histogram.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "base/text.hpp"
#include "query/key_numbers.hpp"
#include "query/numeric.hpp"

namespace volta::promql {
namespace {

// Counts that differ by less than this share are equal: sums of rates round.
constexpr double kTolerance = 1e-12;

bool almost_equal(double a, double b) {
  if (a == b) return true;
  const double sum = std::abs(a) + std::abs(b);
  const double difference = std::abs(a - b);
  if (a == 0 || b == 0 || sum < std::numeric_limits<double>::min()) {
    return difference < kTolerance * std::numeric_limits<double>::min();
  }
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kTolerance;
}

// One bucket per bound; counts that never fall.
void repair(std::vector<Bucket>& buckets) {
  std::size_t kept = 0;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].upper == buckets[kept].upper) {
      buckets[kept].count += buckets[i].count;
    } else {
      buckets[++kept] = buckets[i];
    }
  }
  buckets.resize(kept + 1);
  double before = buckets[0].count;
  for (Bucket& bucket : buckets) {
    if (bucket.count < before || almost_equal(before, bucket.count)) bucket.count = before;
    before = bucket.count;
  }
}

std::optional<double> parse_bound(std::string_view text) {
  if (text == "+Inf" || text == "Inf" || text == "+inf" || text == "inf") return kInfinity;
  if (text == "-Inf" || text == "-inf") return -kInfinity;
  if (text.starts_with('+')) text.remove_prefix(1);
  return parse_number(text);
}

struct Member {
  double upper;
  std::size_t row;
};
struct HistogramRows {
  RowLabels labels;
  std::vector<Member> members;  // ordered by bound
};

std::vector<HistogramRows> histograms_of(const SeriesMatrix& matrix, Charge& charge) {
  constexpr std::size_t kBytesPerRow = 2 * sizeof(Member);  // as a vector grows
  charge.add(matrix.rows() * kBytesPerRow);
  std::vector<HistogramRows> histograms;
  KeyNumbers places(matrix.budget());
  Pace pace(&matrix.budget());
  std::string key;
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    pace.spend(512);  // a bound is read, a key of labels made
    const auto bound = parse_bound(value_of(matrix.labels(r), "le"));
    if (!bound) continue;
    Labels labels;
    for (const auto& label : *matrix.labels(r).all) {
      if (label.first != "le" && label.first != kNameLabel) labels.push_back(label);
    }
    key.clear();
    RowLabels rest{charged_labels(matrix.budget(), std::move(labels)), true};
    append_key(rest, key);
    const auto [place, is_new] = places.number_of(key);
    if (is_new) histograms.push_back({std::move(rest), {}});
    histograms[place].members.push_back({*bound, r});
  }
  for (HistogramRows& histogram : histograms) {
    std::stable_sort(histogram.members.begin(), histogram.members.end(),
                     [](const Member& a, const Member& b) { return a.upper < b.upper; });
  }
  return histograms;
}

}  // namespace

double bucket_quantile(double q, std::vector<Bucket>& buckets) {
  if (std::isnan(q)) return kNaN;
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  if (buckets.empty() || buckets.back().upper != kInfinity) return kNaN;
  repair(buckets);
  if (buckets.size() < 2) return kNaN;
  const double observations = buckets.back().count;
  if (observations == 0) return kNaN;
  double rank = q * observations;
  // NaN counts are reached by no search, as in Prometheus.
  const auto found = std::partition_point(buckets.begin(), buckets.end() - 1,
                                          [&](const Bucket& b) { return !(b.count >= rank); });
  if (found == buckets.end() - 1) return buckets[buckets.size() - 2].upper;
  if (found == buckets.begin() && found->upper <= 0) return found->upper;
  double start = 0;
  double count = found->count;
  if (found != buckets.begin()) {
    const Bucket& before = *(found - 1);
    start = before.upper;
    count -= before.count;
    rank -= before.count;
  }
  return start + (found->upper - start) * (rank / count);
}

SeriesMatrix histogram_quantile(const ScalarColumn& q, const SeriesMatrix& matrix) {
  SeriesMatrix out(matrix.budget(), matrix.columns());
  out.set_one_name(true);
  Charge charge(matrix.budget());
  Pace pace(&matrix.budget());
  std::vector<Bucket> buckets;
  for (HistogramRows& histogram : histograms_of(matrix, charge)) {
    const auto values = out.append(std::move(histogram.labels));
    for (std::size_t step = 0; step < values.size(); ++step) {
      buckets.clear();
      pace.spend(1 + histogram.members.size());
      for (const Member& member : histogram.members) {
        const double count = matrix.row(member.row)[step];
        if (!is_absent(count)) buckets.push_back({member.upper, count});
      }
      if (!buckets.empty()) values[step] = bucket_quantile(q.at(step), buckets);
    }
  }
  out.drop_empty_rows();
  return out;
}

}  // namespace volta::promql
