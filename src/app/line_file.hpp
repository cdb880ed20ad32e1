// A text file line by line, as it is or compressed with zstd, without ever being in memory as a
// whole.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace volta {

// One thread. "-" is standard input.
class LineFile {
 public:
  static constexpr std::size_t kLongestLine = 256U << 20U;

  // Throws SystemFailure where it cannot be opened.
  explicit LineFile(const std::filesystem::path& path);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  // The next line without its LF; it lives until the next call. Empty at the end. Throws Failure:
  // not readable, broken compression, a line longer than kLongestLine.
  std::optional<std::string_view> next();
  // Of the line that next() answered last, from 1.
  [[nodiscard]] std::size_t number() const { return number_; }
  // The first bytes of the text, without taking them; at most what one read gave.
  std::string_view peek();

 private:
  struct Source;
  bool fill();

  std::unique_ptr<Source> source_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::size_t number_ = 0;
};

}  // namespace volta
