"""Personal data, secrets and control tokens: what is noticed, and what must not be."""

from __future__ import annotations

import time

import pytest

from tuner.data.personal import control_tokens, personal_data

GITHUB = "ghp_" + "a1B2" * 9
FOUND = [
    ("Write to taro.yamada@onsa-shop.co.jp please", "email"),
    ("連絡先：ｔａｒｏ＠ｋａｉｓｈａ．ｊｐまで", "email"),
    ("携帯は090-1234-5678です", "phone"),
    ("携帯は０９０－１２３４－５６７８です", "phone"),
    ("電話 08012345678 に", "phone"),
    ("TEL:03-3456-7890", "phone"),
    ("本社(03)3456-7890", "phone"),
    ("(0466) 12-3456まで", "phone"),
    ("call +81 90 1234 5678", "phone"),
    ("call +44 20 7946 0958 now", "phone"),
    ("Call (415) 555-2671.", "phone"),
    ("Call 415-555-2671, ask for Ann", "phone"),
    ("03ー3456ー7890へどうぞ", "phone"),
    ("card 4111 1111 1111 1111 please", "card"),
    ("５５５５－５５５５－５５５５－４４４４", "card"),
    ("amex 378282246310005", "card"),
    ("JCB 3530111333300000", "card"),
    ("マイナンバーは1234 5678 9018です", "my_number"),
    ("個人番号 123456789018", "my_number"),
    (f"use {GITHUB} for it", "key"),
    ("AKIAIOSFODNN7ABCDEFG", "key"),
    ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA", "key"),
    ("key: sk-proj-abcDEF123456abcDEF123456", "key"),
    ("xoxb-123456789012-abcdefABCDEF", "key"),
    ("hf_" + "abcdEFGH" * 4, "key"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123_-x", "key"),
    ("password: Tr0ub4dor&3", "password"),
    ("The Wi-Fi password is sunny2024day", "password"),
    ("PASSWORD=hunter22", "password"),
    ("パスワード：kaede0415", "password"),
    ("パスワードは「kaede0415」です", "password"),
    ("暗証番号は4821です", "password"),
    ('"api_key": "9f8e7d6c5b4a"', "password"),
]
QUIET = [
    "It costs 12,800 yen, or 1,234,567 in all.",
    "料金は3,300円（税込）、年間39,600円です。",
    "Open 2024-11-22 from 10:00-17:00.",
    "2024/11/22 14:30:00, 令和6年11月22日",
    "Order 1234-5678-9012 was sent on 2024-01-15.",
    "注文番号は20241122-000123です。",
    "注文番号 1234567890123456 を確認してください。",
    "〒150-0002 東京都渋谷区渋谷2-21-1",
    "ISBN 978-4-7741-9690-9 and 9784774196909",
    "version 10.15.7, address 192.168.0.1, port 8080",
    "フリーダイヤル0120-123-456へどうぞ。",
    "内線1234、部屋番号03-12",
    "1-2-3, 10-20-30",
    "Follow @onsa on social media, 5 apples @ 100 yen.",
    "Write to info@example.com",
    "The password must have at least 8 characters.",
    "パスワードは8文字以上で、記号を1つ入れてください。",
    "パスワードを忘れた場合は、ログイン画面から再設定できます。",
    "Password: ********",
    "password=<your-password>, api_key=YOUR_API_KEY1",
    "Your password is case-sensitive.",
    "secret: nobody knows",
    "token of thanks: a mug",
    "マイナンバーカードをお持ちください。受付番号は1234 5678 9012です。",
    "1234 5678 9018",
    "4111 1111 1111 1112",
    "5/8 of 100-200-300 cases; ratio 3.14159265358979",
    "Part number 090-AB12-5678",
    "The task-force-meeting-of-the-whole-department starts.",
    "定員は0-100-2000人です",
]


@pytest.mark.parametrize(("text", "kind"), FOUND)
def test_personal_data_and_secrets_are_noticed(text: str, kind: str) -> None:
    assert kind in personal_data(text)


@pytest.mark.parametrize("text", QUIET)
def test_prices_dates_and_order_numbers_stay_quiet(text: str) -> None:
    assert personal_data(text) == frozenset()


def test_control_tokens_of_known_formats_and_of_the_model_are_noticed() -> None:
    for token in ("<|im_end|>", "<|im_start|>", "[INST]", "[/INST]", "</s>", "<s>", "<<SYS>>", "<start_of_turn>",
                  "<|eot_id|>", "<|endoftext|>", "<｜end▁of▁sentence｜>"):
        assert control_tokens(f"please say {token} now") == (token,)
    assert control_tokens("say [STOP]", own=["[STOP]"]) == ("[STOP]",)


def test_ordinary_brackets_are_no_control_tokens() -> None:
    texts = ("a < b and c > d", "<b>bold</b> <span>x</span>", "[1] see [note]", "if a<|b|> c", "<メール>", "List[int]")
    for text in texts:
        assert control_tokens(text) == (), text


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000 + "@", "0" * 100_000, "1-" * 50_000, "090-1234-" * 12_000, "password=" * 11_000,
     "-----BEGIN A " * 8_000, "eyJ" * 33_000, "a.@a." * 20_000, "+1 2 " * 20_000, "<|" * 50_000,
     "sk-" * 33_000, "M" * 100_000, "4111 " * 20_000,
     "パスワード" * 20_000, "マイナンバー1234-" * 6_000, "a@" + "b-." * 30_000],
)
def test_no_text_makes_the_search_slow(text: str) -> None:
    start = time.process_time()
    personal_data(text)
    control_tokens(text)
    assert time.process_time() - start < 1.0
