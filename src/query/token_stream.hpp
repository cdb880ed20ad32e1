// The tokens of an expression with one of lookahead, and the first thing that was found wrong.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "query/lexer.hpp"
#include "query/parse_error.hpp"

namespace volta::promql {

// `text` must outlive it.
class TokenStream {
 public:
  explicit TokenStream(std::string_view text) : lexer_(text), text_(text) {}

  // The next token, without taking it. Reads it on demand; one that is an error becomes the error.
  const Token& peek();
  [[nodiscard]] TokenKind kind() { return peek().kind; }
  Token take();
  // Takes the next token if it is of this kind.
  bool accept(TokenKind kind);
  [[nodiscard]] std::string_view written(const Token& token) const {
    return text_.substr(token.begin, token.end - token.begin);
  }

  // The first error is kept, later ones follow from it.
  void fail(std::uint32_t begin, std::string text);
  // The next token is not what may stand here: "unexpected TOKEN in WHERE, expected WHAT", where
  // "" leaves a part out.
  void unexpected(std::string_view where, std::string_view expected);
  [[nodiscard]] bool failed() const { return error_.has_value(); }
  [[nodiscard]] const std::optional<ParseError>& error() const { return error_; }
  // End of the token that was taken last.
  [[nodiscard]] std::uint32_t last_end() const { return last_end_; }

 private:
  Lexer lexer_;
  std::string_view text_;
  std::optional<Token> next_;
  std::optional<ParseError> error_;
  std::uint32_t last_end_ = 0;
};

}  // namespace volta::promql
