// What Prometheus allows as names and values of labels, and the one way from a stranger's labels to
// Labels. Everything that comes from outside with its labels goes through here.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "model/names.hpp"
#include "model/series.hpp"

namespace volta {

struct LabelView {
  std::string_view name;
  std::string_view value;
};

struct LabelLimits {
  std::size_t most_labels = 128;
  std::size_t longest_name = 1024;
  std::size_t longest_value = 4096;
};

// Why these labels, `__name__` among them, are no series; "" if they are one. They have to be
// sorted, unique, non-empty and within the limits.
std::string labels_problem(std::span<const LabelView> labels, const LabelLimits& limits);

std::shared_ptr<const Labels> to_labels(std::span<const LabelView> labels);

// What they weigh in memory, about.
std::size_t labels_bytes(const Labels& labels);

// The family that a histogram's or summary's series belongs to: without _bucket, _count or _sum.
std::string_view without_part_suffix(std::string_view name);

}  // namespace volta
