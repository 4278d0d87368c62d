"""Names that people give to the columns of question-and-answer files, in both languages. Reads no file."""

from __future__ import annotations

from tuner.data.table import plain_name

_NAMES = {
    "question": (
        "question", "questions", "question text", "q", "prompt", "prompts", "query", "user", "user message", "human",
        "instruction", "instructions", "inquiry", "enquiry", "request", "ask", "customer", "input", "input text",
        "source",
        "質問", "質問文", "質問内容", "質問事項", "問い", "問", "問い合わせ", "問合せ", "問合わせ",
        "問い合わせ内容", "問合せ内容", "設問", "問題", "問題文",
        "ユーザー", "ユーザ", "利用者",
        "お客様", "顧客", "指示", "指示文", "プロンプト", "入力", "入力文", "依頼", "相談",
    ),
    "answer": (
        "answer", "answers", "answer text", "a", "completion", "completions", "response", "responses", "reply",
        "replies",
        "assistant", "assistant message", "bot", "gpt", "output", "output text", "target", "target text",
        "回答", "回答文", "回答内容", "答え", "答", "解答", "返答", "返答文", "返事", "返信", "応答",
        "応答文", "出力",
        "出力文", "案内", "案内文", "アシスタント", "ボット", "回答例", "返答例",
    ),
    "input": ("input", "inputs", "context", "入力", "入力文", "文脈", "コンテキスト", "参考情報"),
    "system": ("system", "system prompt", "system message", "システム", "システムプロンプト"),
    "messages": (
        "messages",
        "conversations", "conversation", "dialog", "dialogue", "dialogs", "dialogues", "chat",
        "chats", "turns",
        "会話", "対話", "メッセージ",
    ),
}
"""Role -> names. `input` is the text that an instruction works on; alone it is the question."""

KNOWN = {role: frozenset(plain_name(name) for name in names) for role, names in _NAMES.items()}

_POLITE = frozenset("ごお御")
"""ご質問, お答え: the same words, said politely."""

ROLES = tuple(KNOWN)


def roles(name: str) -> frozenset[str]:
    """Promises every role that a column of this name may play; empty for a name that says nothing."""
    plain = plain_name(name)
    bare = plain[1:] if plain[:1] in _POLITE else plain
    return frozenset(role for role, names in KNOWN.items() if plain in names or bare in names)


def is_heading(cells: tuple[str, ...]) -> bool:
    """True when these cells name both sides of an example, or a conversation."""
    found = [roles(cell) for cell in cells]
    if any("messages" in role for role in found):
        return True
    return any("question" in role for role in found) and any("answer" in role for role in found)
