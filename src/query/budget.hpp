// What one query may still use: time, samples, memory. Every part of the evaluator takes from the
// same Budget and looks at it now and then. Everything that grows with the data or with a number in
// the expression is charged here before it is allocated.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/query_engine.hpp"

namespace volta::promql {

// Ends an evaluation from any depth of its recursion. Thrown inside this folder only; caught once,
// by PromqlEngine, which turns it into its answer.
class Stop final : public std::exception {
 public:
  explicit Stop(std::string text, QueryFailure::Kind kind = QueryFailure::Kind::execution)
      : failure_{kind, std::move(text)} {}
  [[nodiscard]] const char* what() const noexcept override { return failure_.text.c_str(); }
  [[nodiscard]] const QueryFailure& failure() const { return failure_; }

 private:
  QueryFailure failure_;
};

// For one query; any of its threads. All that checks throws Stop.
class Budget {
 public:
  // `cancel` may be null, else outlives it. The time counts from here.
  Budget(const QueryLimits& limits, const std::atomic<bool>* cancel)
      : limits_(limits),
        cancel_(cancel),
        deadline_(std::chrono::steady_clock::now() + limits.timeout) {}

  // Cheap enough for once per series or thousand values.
  void check() const;
  // The query failed on one of its threads: from now on check() throws.
  void end(std::exception_ptr why);
  // What end() was given first; the others may have failed of nothing but that. Requires an end().
  [[nodiscard]] std::exception_ptr failure() const;
  void read_samples(std::size_t count);
  void take_bytes(std::size_t bytes);
  void give_bytes(std::size_t bytes) noexcept { ledger_->fetch_sub(bytes); }

  [[nodiscard]] const QueryLimits& limits() const { return limits_; }
  [[nodiscard]] std::size_t samples_read() const { return samples_; }
  // Bytes that are taken at present. For what may outlive the Budget and gives back then.
  using Ledger = std::shared_ptr<std::atomic<std::size_t>>;
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }

 private:
  QueryLimits limits_;
  const std::atomic<bool>* cancel_;
  std::chrono::steady_clock::time_point deadline_;
  std::atomic<bool> ended_{false};
  std::atomic<std::size_t> samples_{0};
  Ledger ledger_ = std::make_shared<std::atomic<std::size_t>>(0);
  mutable std::mutex mutex_;  // for the next one
  std::exception_ptr failure_;
};

// Looks at the budget after so much work, wherever the work is done: in many short steps or in a
// few long ones.
class Pace {
 public:
  // `budget` may be null: then there is nothing to look at.
  explicit Pace(const Budget* budget) : budget_(budget) {}
  // `work`: about as many times a nanosecond or a few.
  void spend(std::size_t work) {
    done_ += work;
    if (done_ < kBetweenLooks || budget_ == nullptr) return;
    done_ = 0;
    budget_->check();
  }

 private:
  static constexpr std::size_t kBetweenLooks = 1U << 16U;
  const Budget* budget_;
  std::size_t done_ = 0;
};

// Bytes taken from a Budget for as long as this lives.
class Charge {
 public:
  explicit Charge(Budget& budget) : budget_(&budget) {}
  Charge(Charge&& other) noexcept
      : budget_(other.budget_), bytes_(std::exchange(other.bytes_, 0)) {}
  Charge& operator=(Charge&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;
  ~Charge() { budget_->give_bytes(bytes_); }

  void add(std::size_t bytes) {
    budget_->take_bytes(bytes);
    bytes_ += bytes;
  }
  // Requires that so much was added.
  void give_back(std::size_t bytes) {
    budget_->give_bytes(bytes);
    bytes_ -= bytes;
  }
  [[nodiscard]] Budget& budget() const { return *budget_; }

 private:
  Budget* budget_;
  std::size_t bytes_ = 0;
};

// A vector that charges what it takes as it grows. Gives back nothing before its end.
template <typename T>
class ChargedVector {
 public:
  // `budget` may be null: nobody counts.
  explicit ChargedVector(Budget* budget) {
    if (budget != nullptr) charge_.emplace(*budget);
  }
  void push_back(const T& item) {
    if (items_.size() == items_.capacity()) reserve(std::max<std::size_t>(64, 2 * items_.size()));
    items_.push_back(item);
  }
  void reserve(std::size_t size) {
    if (size <= items_.capacity()) return;
    if (charge_) charge_->add(size * sizeof(T));
    items_.reserve(size);
  }
  void assign(std::span<const T> from) {
    reserve(from.size());
    items_.assign(from.begin(), from.end());
  }
  void clear() { items_.clear(); }
  [[nodiscard]] std::vector<T>& items() { return items_; }
  [[nodiscard]] std::span<const T> span() const { return items_; }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] const T& operator[](std::size_t index) const { return items_[index]; }

 private:
  std::optional<Charge> charge_;
  std::vector<T> items_;
};

}  // namespace volta::promql
