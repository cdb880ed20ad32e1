#include "store/bit_pack.hpp"

#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include "base/crc32c.hpp"
#include "store/entropy.hpp"

namespace volta {
namespace {

// Numbers of at most `width` bits, now and then one of 64.
std::vector<std::uint64_t> some_numbers(std::size_t count, unsigned width, unsigned one_wide_in) {
  std::mt19937_64 random(count * 100 + width);
  std::vector<std::uint64_t> numbers(count);
  for (auto& number : numbers) {
    number = random() & low_mask(width);
    if (one_wide_in > 0 && random() % one_wide_in == 0) number = random();
  }
  return numbers;
}

TEST_CASE("Numbers of every width come back from bits") {
  for (unsigned width = 0; width <= 64; ++width) {
    for (const std::size_t count : {1, 2, 127, 128, 129, 300}) {
      for (const unsigned wide : {0U, 30U, 3U}) {
        const auto numbers = some_numbers(count, width, wide);
        Bytes bytes;
        bit_pack(numbers, bytes);
        INFO("width " << width << ", " << count << " numbers");
        CHECK(bytes.size() == bit_pack_size(numbers));
        CHECK(bytes.size() <= count * 8 + (count / kBitBlock + 1) * 2);
        std::vector<std::uint64_t> back(count);
        CHECK(bit_unpack(bytes, back));
        CHECK(back == numbers);
        for (std::size_t length = 0; length < bytes.size(); ++length)
          if (bit_unpack(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)),
                         back))
            FAIL("cut at " << length);
      }
    }
  }
}

TEST_CASE("Bits are written and read at any place") {
  Bytes bytes;
  BitWriter writer(bytes);
  std::mt19937_64 random(9);
  std::vector<std::pair<std::uint64_t, unsigned>> fields;
  for (int i = 0; i < 5000; ++i) {
    const auto width = static_cast<unsigned>(random() % 65);
    fields.emplace_back(random() & low_mask(width), width);
    writer.put(fields.back().first, width);
  }
  writer.finish();
  std::size_t position = 0;
  const std::size_t length = bytes.size();
  bytes.resize(length + kBitPadding);
  for (const auto& [value, width] : fields) {
    REQUIRE(bits_at(bytes.data(), position, width) == value);
    position += width;
  }
  CHECK(length == bits_to_bytes(position));
}

TEST_CASE("Every stage gives back its numbers") {
  EntropyEncoder encoder;
  EntropyDecoder decoder;
  for (const unsigned width : {0U, 1U, 4U, 7U, 8U, 14U, 40U, 56U, 57U, 63U, 64U}) {
    for (const std::size_t count : {1, 7, 8, 9, 63, 64, 500}) {
      const auto numbers = some_numbers(count, width, width % 3 == 0 ? 20 : 0);
      std::size_t smallest = ~std::size_t{0};
      for (std::uint8_t choice = kStageChoices; choice-- > 0;) {
        const auto made = encoder.encode(numbers, static_cast<StageChoice>(choice));
        smallest = std::min(smallest, made.bytes.size());
        const Bytes exact(made.bytes.begin(), made.bytes.end());
        std::vector<std::uint64_t> back(count);
        INFO("width " << width << ", " << count << " numbers, choice " << int{choice});
        CHECK(decoder.decode(static_cast<unsigned>(made.stage), exact, back));
        CHECK(back == numbers);
        if (!exact.empty()) {
          const auto cut = std::span(exact).first(exact.size() - 1);
          CHECK_FALSE(decoder.decode(static_cast<unsigned>(made.stage), cut, back));
        }
        // `any` comes last and took the smallest.
        if (choice == 0) CHECK(made.bytes.size() == smallest);
      }
    }
  }
}

TEST_CASE("CRC-32C is that of everybody else") {
  const auto crc_of = [](std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
    CHECK(crc32c(bytes) == crc32c_by_tables(bytes));
    for (std::size_t at = 0; at <= text.size(); ++at)
      CHECK(crc32c(bytes.subspan(at), crc32c(bytes.first(at))) == crc32c(bytes));
    return crc32c(bytes);
  };
  CHECK(crc_of("") == 0);
  CHECK(crc_of("123456789") == 0xe306'9283);
  // RFC 3720 B.4
  CHECK(crc_of(std::string(32, '\0')) == 0x8a91'36aa);
  CHECK(crc_of(std::string(32, '\xff')) == 0x62a8'ab43);
}

}  // namespace
}  // namespace volta
