#include "query/token_stream.hpp"

#include <utility>

namespace volta::promql {

const Token& TokenStream::peek() {
  if (!next_) {
    next_ = lexer_.next();
    if (next_->kind == TokenKind::error) fail(next_->begin, next_->problem);
  }
  return *next_;
}

Token TokenStream::take() {
  peek();
  Token token = std::move(*next_);
  next_.reset();
  last_end_ = token.end;
  return token;
}

bool TokenStream::accept(TokenKind wanted) {
  if (kind() != wanted) return false;
  take();
  return true;
}

void TokenStream::fail(std::uint32_t begin, std::string text) {
  if (!error_) error_ = ParseError{.begin = begin, .text = std::move(text)};
}

void TokenStream::unexpected(std::string_view where, std::string_view expected) {
  const Token& token = peek();
  if (token.kind == TokenKind::error) return;
  std::string text = "unexpected " + describe(token, text_);
  if (!where.empty()) text.append(" in ").append(where);
  if (!expected.empty()) text.append(", expected ").append(expected);
  fail(token.begin, std::move(text));
}

}  // namespace volta::promql
