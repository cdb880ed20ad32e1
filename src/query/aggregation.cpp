#include "query/aggregation.hpp"

#include <algorithm>
#include <cmath>

#include "base/assert.hpp"
#include "base/number_text.hpp"
#include "model/names.hpp"
#include "query/grouping.hpp"
#include "query/label_functions.hpp"
#include "query/numeric.hpp"

namespace volta::promql {
namespace {

struct Groups {
  std::vector<std::uint32_t> of_row;
  std::vector<RowLabels> labels;
};

Groups groups_of(const Aggregate& clause, const SeriesMatrix& matrix) {
  Signatures signatures(matrix.budget(), clause.labels, !clause.without);
  Pace pace(&matrix.budget());
  Groups groups;
  groups.of_row.reserve(matrix.rows());
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    pace.spend(256);  // a key of labels is made and looked up
    const std::uint32_t group = signatures.of(matrix.labels(r));
    groups.of_row.push_back(group);
    if (group == groups.labels.size()) {
      groups.labels.push_back(signatures.counted(matrix.labels(r)));
    }
  }
  return groups;
}

// What a group knows at a step while its rows pass by. value(): only after an add().
struct Summing {
  KahanSum sum;
  void add(double value) { sum.add(value); }
  [[nodiscard]] double value() const { return std::isinf(sum.sum) ? sum.sum : sum.value(); }
};
struct Minimum {
  double best = kNaN;
  void add(double value) {
    if (best > value || std::isnan(best)) best = value;
  }
  [[nodiscard]] double value() const { return best; }
};
struct Maximum {
  double best = kNaN;
  void add(double value) {
    if (best < value || std::isnan(best)) best = value;
  }
  [[nodiscard]] double value() const { return best; }
};
struct Counting {
  double count = 0;
  void add(double /*value*/) { ++count; }
  [[nodiscard]] double value() const { return count; }
};
struct Grouping {
  void add(double /*value*/) {}
  [[nodiscard]] double value() const { return 1; }
};
struct Deviation : Variance {
  [[nodiscard]] double value() const { return std::sqrt(Variance::value()); }
};

template <typename State>
SeriesMatrix fold(const Groups& groups, const SeriesMatrix& matrix) {
  struct Cell {
    State state;
    bool seen = false;
  };
  const std::size_t columns = matrix.columns();
  Charge charge(matrix.budget());
  charge.add(groups.labels.size() * columns * sizeof(Cell));
  std::vector<Cell> cells(groups.labels.size() * columns);
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    if (r % 64 == 0) matrix.budget().check();
    const auto row = matrix.row(r);
    const auto to = std::span(cells).subspan(groups.of_row[r] * columns, columns);
    for (std::size_t step = 0; step < columns; ++step) {
      if (is_absent(row[step])) continue;
      to[step].state.add(row[step]);
      to[step].seen = true;
    }
  }
  SeriesMatrix out(matrix.budget(), groups.labels.size(), columns);
  for (std::size_t g = 0; g < groups.labels.size(); ++g) {
    out.labels(g) = groups.labels[g];
    const auto row = out.row(g);
    for (std::size_t step = 0; step < columns; ++step) {
      const Cell& cell = cells[g * columns + step];
      if (cell.seen) row[step] = cell.state.value();
    }
  }
  out.drop_empty_rows();
  return out;
}

// The rows of each group, and what stays charged for them.
struct Members {
  Charge charge;
  std::vector<std::vector<std::size_t>> rows;
};
Members rows_by_group(const Groups& groups, Budget& budget) {
  constexpr std::size_t kBytesPerRow = 2 * sizeof(std::size_t);  // as a vector grows
  Members members{Charge(budget), {}};
  members.charge.add(groups.labels.size() * sizeof(std::vector<std::size_t>) +
                     groups.of_row.size() * kBytesPerRow);
  members.rows.resize(groups.labels.size());
  for (std::size_t r = 0; r < groups.of_row.size(); ++r)
    members.rows[groups.of_row[r]].push_back(r);
  return members;
}

SeriesMatrix quantiles(const ScalarColumn& q, const Groups& groups, const SeriesMatrix& matrix) {
  SeriesMatrix out(matrix.budget(), groups.labels.size(), matrix.columns());
  const Members members = rows_by_group(groups, matrix.budget());
  ChargedVector<double> values(&matrix.budget());
  Pace pace(&matrix.budget());
  for (std::size_t g = 0; g < members.rows.size(); ++g) {
    out.labels(g) = groups.labels[g];
    for (std::size_t step = 0; step < matrix.columns(); ++step) {
      values.clear();
      for (const std::size_t r : members.rows[g]) {
        if (!is_absent(matrix.row(r)[step])) values.push_back(matrix.row(r)[step]);
      }
      pace.spend(1 + 8 * values.size());
      if (values.size() > 0) out.row(g)[step] = quantile_of(q.at(step), values.items());
    }
  }
  out.drop_empty_rows();
  return out;
}

// How many a group keeps at a step.
std::size_t whole_number(double value, std::size_t most) {
  if (!(std::abs(value) < 9.2e18)) {
    throw Stop("Scalar value " + label_of_number(value) + " overflows int64");
  }
  if (value < 1) return 0;
  return value >= static_cast<double>(most) ? most : static_cast<std::size_t>(value);
}

struct Candidate {
  double value;
  std::size_t row;
};

// FNV-1a with a last mix, as a share of 1: the same for the same labels on every machine.
double sampling_offset(const RowLabels& labels) {
  std::string key;
  append_key(labels, key);
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (const char c : key) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
  }
  hash = (hash ^ (hash >> 33U)) * 0xff51'afd7'ed55'8ccd;
  hash ^= hash >> 33U;
  return static_cast<double>(hash >> 11U) * 0x1p-53;
}

bool ranks_before(AggregateOp op, const Candidate& a, const Candidate& b) {
  if (op == AggregateOp::limitk) return a.row < b.row;
  const bool a_nan = std::isnan(a.value);
  if (a_nan || std::isnan(b.value)) return a_nan == std::isnan(b.value) ? a.row < b.row : !a_nan;
  if (a.value != b.value) return op == AggregateOp::topk ? a.value > b.value : a.value < b.value;
  return a.row < b.row;
}

// topk, bottomk, limitk: of each group and step the first k by rank; ties go to the earlier row.
SeriesMatrix best_of(const AggregationInput& input, const Groups& groups,
                     const SeriesMatrix& matrix) {
  const AggregateOp op = input.clause.op;
  // What no group is asked for is refused as well.
  for (std::size_t step = 0; step < matrix.columns(); ++step) {
    (void)whole_number(input.parameter.at(step), 0);
  }
  SeriesMatrix out(matrix.budget(), matrix.rows(), matrix.columns());
  out.set_one_name(matrix.one_name());
  // Only where there is one step is the order of ranks the order of the answer.
  const bool ranks = matrix.columns() == 1 && op != AggregateOp::limitk;
  ChargedVector<std::size_t> order(&matrix.budget());
  ChargedVector<Candidate> found(&matrix.budget());
  Pace pace(&matrix.budget());
  const Members groups_of_rows = rows_by_group(groups, matrix.budget());
  for (const auto& members : groups_of_rows.rows) {
    for (std::size_t step = 0; step < matrix.columns(); ++step) {
      found.clear();
      for (const std::size_t r : members) {
        if (!is_absent(matrix.row(r)[step])) found.push_back({matrix.row(r)[step], r});
      }
      auto& candidates = found.items();
      pace.spend(1 + 16 * candidates.size());
      if (candidates.empty()) continue;
      const std::size_t k = whole_number(input.parameter.at(step), candidates.size());
      const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(k);
      std::partial_sort(candidates.begin(), end, candidates.end(),
                        [&](const auto& a, const auto& b) { return ranks_before(op, a, b); });
      for (auto c = candidates.begin(); c != end; ++c) {
        out.row(c->row)[step] = c->value;
        if (ranks) order.push_back(c->row);
      }
    }
  }
  for (std::size_t r = 0; r < matrix.rows(); ++r) out.labels(r) = matrix.labels(r);
  if (ranks) {
    SeriesMatrix ranked = out.picked(order.span());
    ranked.set_ordered(true);
    return ranked;
  }
  out.drop_empty_rows();
  return out;
}

SeriesMatrix share_of(const ScalarColumn& ratio, SeriesMatrix matrix) {
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    const double offset = sampling_offset(matrix.labels(r));
    const auto row = matrix.row(r);
    for (std::size_t step = 0; step < row.size(); ++step) {
      const double share = ratio.at(step);
      if (std::isnan(share)) throw Stop("Ratio value is NaN");
      const bool taken = share >= 0 ? offset < share : offset >= 1 + share;
      if (!taken) row[step] = kAbsent;
    }
  }
  matrix.drop_empty_rows();
  return matrix;
}

SeriesMatrix counted_values(const AggregationInput& input, const SeriesMatrix& matrix) {
  const std::string& name = input.text;
  if (!is_label_name(name)) throw Stop("invalid label name \"" + name + "\"");
  // The new label overwrites one of its name, so that one is no part of the groups.
  Aggregate clause;
  clause.labels = input.clause.labels;
  clause.without = input.clause.without;
  const auto listed = std::find(clause.labels.begin(), clause.labels.end(), name);
  const bool adds = !clause.without || listed == clause.labels.end();
  if (clause.without) {
    if (adds) clause.labels.push_back(name);
  } else {
    std::erase(clause.labels, name);
  }
  const Groups groups = groups_of(clause, matrix);
  SeriesMatrix out(matrix.budget(), matrix.columns());
  KeyNumbers places(matrix.budget());
  Pace pace(&matrix.budget());
  std::string key;
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    pace.spend(matrix.columns());
    for (std::size_t step = 0; step < matrix.columns(); ++step) {
      const double value = matrix.row(r)[step];
      if (is_absent(value)) continue;
      pace.spend(256);  // text and key are made
      const std::string text = label_of_number(value);
      key = std::to_string(groups.of_row[r]) + (adds ? ' ' + text : std::string());
      const auto [place, is_new] = places.number_of(key);
      if (is_new) {
        const RowLabels& group = groups.labels[groups.of_row[r]];
        out.append(adds ? with_label(matrix.budget(), group, name, text) : group);
      }
      double& count = out.row(place)[step];
      count = is_absent(count) ? 1 : count + 1;
    }
  }
  return out;
}

}  // namespace

std::string label_of_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::string out;
  append_plain_number(out, value);
  return out;
}

SeriesMatrix aggregate(const AggregationInput& input, SeriesMatrix matrix) {
  const AggregateOp op = input.clause.op;
  if (op == AggregateOp::count_values) return counted_values(input, matrix);
  if (op == AggregateOp::limit_ratio) return share_of(input.parameter, std::move(matrix));
  const Groups groups = groups_of(input.clause, matrix);
  const auto& by = input.clause.labels;
  const bool named =
      !input.clause.without && std::find(by.begin(), by.end(), kNameLabel) != by.end();
  const auto finish = [&](SeriesMatrix out) {
    out.set_one_name(!named);
    return out;
  };
  switch (op) {
    case AggregateOp::sum:
      return finish(fold<Summing>(groups, matrix));
    case AggregateOp::avg:
      return finish(fold<Mean>(groups, matrix));
    case AggregateOp::min:
      return finish(fold<Minimum>(groups, matrix));
    case AggregateOp::max:
      return finish(fold<Maximum>(groups, matrix));
    case AggregateOp::count:
      return finish(fold<Counting>(groups, matrix));
    case AggregateOp::group:
      return finish(fold<Grouping>(groups, matrix));
    case AggregateOp::stdvar:
      return finish(fold<Variance>(groups, matrix));
    case AggregateOp::stddev:
      return finish(fold<Deviation>(groups, matrix));
    case AggregateOp::quantile:
      return finish(quantiles(input.parameter, groups, matrix));
    default:
      return best_of(input, groups, matrix);
  }
}

}  // namespace volta::promql
