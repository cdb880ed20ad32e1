#include "query/binary.hpp"

#include <algorithm>
#include <unordered_map>

#include "base/assert.hpp"
#include "query/grouping.hpp"
#include "query/label_functions.hpp"
#include "query/numeric.hpp"

namespace volta::promql {
namespace {

// out[i] = f(left[i], right[i]) for all, by one loop per operator. Absent operands give anything.
template <typename Function>
void each_pair(std::span<const double> left, std::span<const double> right, std::span<double> out,
               const Function& f) {
  const std::size_t left_stride = left.size() == 1 ? 0 : 1;
  const std::size_t right_stride = right.size() == 1 ? 0 : 1;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = f(left[i * left_stride], right[i * right_stride]);
  }
}

void compute(BinaryOp op, std::span<const double> left, std::span<const double> right,
             std::span<double> out) {
  const auto run = [&](const auto& f) { each_pair(left, right, out, f); };
  const auto test = [&](const auto& f) {
    each_pair(left, right, out, [&](double a, double b) { return f(a, b) ? 1.0 : 0.0; });
  };
  switch (op) {
    case BinaryOp::add:
      return run([](double a, double b) { return a + b; });
    case BinaryOp::subtract:
      return run([](double a, double b) { return a - b; });
    case BinaryOp::multiply:
      return run([](double a, double b) { return a * b; });
    case BinaryOp::divide:
      return run([](double a, double b) { return a / b; });
    case BinaryOp::modulo:
      return run([](double a, double b) { return std::fmod(a, b); });
    case BinaryOp::power:
      return run([](double a, double b) { return std::pow(a, b); });
    case BinaryOp::atan2:
      return run([](double a, double b) { return std::atan2(a, b); });
    case BinaryOp::equal:
      return test([](double a, double b) { return a == b; });
    case BinaryOp::not_equal:
      return test([](double a, double b) { return a != b; });
    case BinaryOp::less:
      return test([](double a, double b) { return a < b; });
    case BinaryOp::less_equal:
      return test([](double a, double b) { return a <= b; });
    case BinaryOp::greater:
      return test([](double a, double b) { return a > b; });
    case BinaryOp::greater_equal:
      return test([](double a, double b) { return a >= b; });
    default:
      VOLTA_ASSERT(false, "set operators have no value");
  }
}

// The result where both sides are there; of a comparison without bool the left one's value where it
// holds.
struct PairColumns {
  std::span<const double> left, right;
  std::span<const double> kept;  // what a comparison that holds yields
};
void combine(const Binary& clause, const PairColumns& sides, std::span<double> out) {
  compute(clause.op, sides.left, sides.right, out);
  const bool filters = is_comparison(clause.op) && !clause.return_bool;
  const auto absent_at = [](std::span<const double> side, std::size_t i) {
    return is_absent(side[side.size() == 1 ? 0 : i]);
  };
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (absent_at(sides.left, i) || absent_at(sides.right, i)) {
      out[i] = kAbsent;
    } else if (filters) {
      out[i] = out[i] != 0 ? sides.kept[sides.kept.size() == 1 ? 0 : i] : kAbsent;
    }
  }
}

bool drops_name(const Binary& clause) { return !is_comparison(clause.op) || clause.return_bool; }

// Vector with vector, but for set operators. "Many" is the side whose rows go on, "one" the side
// that is looked up: the right one, but under group_right.
class Matching {
 public:
  Matching(const Binary& clause, const SeriesMatrix& left, const SeriesMatrix& right)
      : clause_(clause),
        swapped_(clause.matching.cardinality == VectorMatching::Cardinality::one_to_many),
        one_to_one_(clause.matching.cardinality == VectorMatching::Cardinality::one_to_one),
        many_(swapped_ ? right : left),
        one_(swapped_ ? left : right),
        signatures_(left.budget(), clause.matching.labels, clause.matching.on),
        many_of_(signatures_.of_rows(many_)),
        one_of_(signatures_.of_rows(one_)),
        ones_(signatures_.size()),
        out_(left.budget(), left.columns()),
        places_(left.budget()),
        charge_(left.budget()) {
    charge_.add(left.columns() * kBytesPerStep + (left.rows() + right.rows()) * kBytesPerRow);
    scratch_.resize(left.columns());
    for (std::size_t r = 0; r < one_of_.size(); ++r) ones_[one_of_[r]].push_back(r);
  }

  SeriesMatrix run() {
    check_one_side();
    Pace pace(&many_.budget());
    for (std::size_t r = 0; r < many_.rows(); ++r) {
      pace.spend(64);
      for (const std::size_t other : ones_[many_of_[r]]) {
        pace.spend(64 + 4 * scratch_.size());
        join(r, other);
      }
    }
    out_.drop_empty_rows();
    out_.set_one_name(drops_name(clause_));
    return std::move(out_);
  }

 private:
  // No step may have two rows of the same signature on the "one" side, if it has any on the other.
  void check_one_side() const {
    std::vector<std::size_t> holder;
    std::vector<std::uint8_t> others;
    for (std::size_t s = 0; s < ones_.size(); ++s) {
      if (ones_[s].size() < 2) continue;
      if (others.empty()) others = steps_of_many();
      holder.assign(one_.columns(), SIZE_MAX);
      for (const std::size_t r : ones_[s]) {
        const auto row = one_.row(r);
        for (std::size_t step = 0; step < row.size(); ++step) {
          if (is_absent(row[step]) || others[step] == 0) continue;
          if (holder[step] != SIZE_MAX) throw_duplicate(holder[step], r);
          holder[step] = r;
        }
      }
    }
  }
  [[nodiscard]] std::vector<std::uint8_t> steps_of_many() const {
    std::vector<std::uint8_t> steps(many_.columns());
    for (std::size_t r = 0; r < many_.rows(); ++r) {
      const auto row = many_.row(r);
      for (std::size_t step = 0; step < row.size(); ++step) {
        if (!is_absent(row[step])) steps[step] = 1;
      }
    }
    return steps;
  }
  [[noreturn]] void throw_duplicate(std::size_t first, std::size_t second) const {
    throw Stop("found duplicate series for the match group " +
               text_of(*signatures_.counted(one_.labels(first)).all) + " on the " +
               (swapped_ ? "left" : "right") + " hand-side of the operation: [" +
               text_of(*finished(one_.budget(), one_.labels(second))) + ", " +
               text_of(*finished(one_.budget(), one_.labels(first))) +
               "];many-to-many matching not allowed: matching labels must be unique on one side");
  }

  [[nodiscard]] RowLabels result_labels(std::size_t many, std::size_t one) {
    const VectorMatching& matching = clause_.matching;
    RowLabels labels = many_.labels(many);
    if (drops_name(clause_)) labels.nameless = true;
    if (one_to_one_) {
      if (matching.on || !matching.labels.empty()) {
        // Unlike the signature, `ignoring` leaves a name that is not dropped.
        Labels kept;
        labels.each([&](const auto& label) {
          const bool listed = std::find(matching.labels.begin(), matching.labels.end(),
                                        label.first) != matching.labels.end();
          if (listed == matching.on) kept.push_back(label);
        });
        labels = {charged_labels(many_.budget(), std::move(kept)), false};
      }
      return labels;
    }
    for (const std::string& name : matching.include) {
      labels = with_label(many_.budget(), labels, name, value_of(one_.labels(one), name));
    }
    // group_left(__name__) does not bring a name back that the operator's result lacks under bool.
    if (clause_.return_bool) labels.nameless = true;
    return labels;
  }

  void join(std::size_t many, std::size_t one) {
    const auto left = swapped_ ? one_.row(one) : many_.row(many);
    const auto right = swapped_ ? many_.row(many) : one_.row(one);
    combine(clause_, {left, right, left}, scratch_);
    if (std::all_of(scratch_.begin(), scratch_.end(), is_absent)) return;
    if (one_to_one_) check_one_to_one(many_of_[many]);
    RowLabels labels = result_labels(many, one);
    key_.clear();
    append_key(labels, key_);
    const auto [place, is_new] = places_.number_of(key_);
    if (is_new) {
      const auto row = out_.append(std::move(labels));
      std::copy(scratch_.begin(), scratch_.end(), row.begin());
      signature_of_out_.push_back(many_of_[many]);
      return;
    }
    const auto row = out_.row(place);
    for (std::size_t step = 0; step < row.size(); ++step) {
      if (is_absent(scratch_[step])) continue;
      if (!is_absent(row[step])) throw_double(place, many);
      row[step] = scratch_[step];
    }
  }
  [[noreturn]] void throw_double(std::size_t out, std::size_t many) const {
    if (signature_of_out_[out] != many_of_[many]) {
      throw Stop("vector cannot contain metrics with the same labelset");
    }
    throw Stop("multiple matches for labels: grouping labels must ensure unique matches");
  }
  // A second row of the same signature at a step: many where one was promised.
  void check_one_to_one(std::uint32_t signature) {
    auto& taken = taken_[signature];
    if (taken.empty()) {
      charge_.add(scratch_.size() / 8 + kBytesPerRow);
      taken.resize(scratch_.size());
    }
    for (std::size_t step = 0; step < scratch_.size(); ++step) {
      if (is_absent(scratch_[step])) continue;
      if (taken[step]) {
        throw Stop(
            "multiple matches for labels: many-to-one matching must be explicit "
            "(group_left/group_right)");
      }
      taken[step] = true;
    }
  }

  // scratch_, and the columns of check_one_side(); the vectors that have an entry a row.
  static constexpr std::size_t kBytesPerStep = sizeof(double) + sizeof(std::size_t) + 1;
  static constexpr std::size_t kBytesPerRow = 64;

  const Binary& clause_;
  bool swapped_;
  bool one_to_one_;
  const SeriesMatrix& many_;
  const SeriesMatrix& one_;
  Signatures signatures_;
  std::vector<std::uint32_t> many_of_, one_of_;
  std::vector<std::vector<std::size_t>> ones_;  // rows of the "one" side by signature
  SeriesMatrix out_;
  std::vector<double> scratch_;
  std::string key_;
  KeyNumbers places_;
  std::vector<std::uint32_t> signature_of_out_;
  std::unordered_map<std::uint32_t, std::vector<bool>> taken_;
  Charge charge_;  // for all these
};

// Of each signature the steps at which it has a row.
class StepMasks {
 public:
  StepMasks(const SeriesMatrix& matrix, const std::vector<std::uint32_t>& signatures,
            std::size_t count)
      : columns_(matrix.columns()), charge_(matrix.budget()) {
    charge_.add(count * columns_);
    seen_.resize(count * columns_);
    for (std::size_t r = 0; r < matrix.rows(); ++r) {
      const auto row = matrix.row(r);
      for (std::size_t step = 0; step < columns_; ++step) {
        if (!is_absent(row[step])) seen_[signatures[r] * columns_ + step] = 1;
      }
    }
  }
  // Takes what `row` has at the steps where the signature's mask is `mask`.
  void erase_where(std::uint32_t signature, bool mask, std::span<double> row) const {
    for (std::size_t step = 0; step < columns_; ++step) {
      if ((seen_[signature * columns_ + step] != 0) == mask) row[step] = kAbsent;
    }
  }

 private:
  std::size_t columns_;
  Charge charge_;
  std::vector<std::uint8_t> seen_;
};

SeriesMatrix set_binary(const Binary& clause, SeriesMatrix left, SeriesMatrix right) {
  Signatures signatures(left.budget(), clause.matching.labels, clause.matching.on);
  const auto left_of = signatures.of_rows(left);
  const auto right_of = signatures.of_rows(right);
  left.set_ordered(false);
  if (clause.op != BinaryOp::set_or) {
    const StepMasks masks(right, right_of, signatures.size());
    for (std::size_t r = 0; r < left.rows(); ++r) {
      masks.erase_where(left_of[r], clause.op == BinaryOp::set_unless, left.row(r));
    }
    left.drop_empty_rows();
    return left;
  }
  const StepMasks masks(left, left_of, signatures.size());
  left.set_one_name(false);
  for (std::size_t r = 0; r < right.rows(); ++r) {
    masks.erase_where(right_of[r], true, right.row(r));
    if (!right.is_empty(r)) left.append_copy(right, r);
  }
  return merge_equal_rows(std::move(left), false);
}

}  // namespace

SeriesMatrix scalar_binary(const Binary& clause, SeriesMatrix left, SeriesMatrix right,
                           bool vector_left, bool vector_right) {
  const bool into_left = vector_left || (!vector_right && left.columns() >= right.columns());
  SeriesMatrix& target = into_left ? left : right;
  const SeriesMatrix& scalar = into_left ? right : left;
  const bool is_vector = vector_left || vector_right;
  Charge charge(target.budget());
  charge.add(target.columns() * sizeof(double));
  std::vector<double> values(target.columns());
  for (std::size_t r = 0; r < target.rows(); ++r) {
    if (r % 64 == 0) target.budget().check();
    const auto row = target.row(r);
    const std::span<const double> vector = row;
    const auto other = scalar.row(0);
    combine(clause, {into_left ? vector : other, into_left ? other : vector, vector}, values);
    std::copy(values.begin(), values.end(), row.begin());
  }
  target.set_ordered(false);
  SeriesMatrix out = std::move(target);
  if (!is_vector) return out;
  if (is_comparison(clause.op) && !clause.return_bool) {
    out.drop_empty_rows();
    return out;
  }
  return without_names(std::move(out), false);
}

SeriesMatrix vector_binary(const Binary& clause, SeriesMatrix left, SeriesMatrix right) {
  if (is_set(clause.op)) return set_binary(clause, std::move(left), std::move(right));
  return Matching(clause, left, right).run();
}

}  // namespace volta::promql
