# What a script does: records as JSON, words counted, objects sorted, numbers computed.
import json


class Random:
    def __init__(self, state):
        self.state = state

    def below(self, limit):
        self.state = (self.state * 1103515245 + 12345) % 2147483648
        return self.state // 65536 % limit


class Record:
    def __init__(self, number, random):
        self.number = number
        self.name = "".join(chr(97 + random.below(26)) for _ in range(6))
        self.parts = [random.below(1000) / 8 for _ in range(8)]

    def total(self):
        return sum(self.parts)


random = Random(7)
records = [Record(number, random) for number in range(6000)]
records.sort(key=lambda record: (record.total(), record.name))
text = json.dumps([vars(record) for record in records])
again = json.loads(text)
print(len(text), again[0]["name"], again[-1]["parts"])

counts = {}
for word in " ".join(record.name[:2] for record in records).split():
    counts[word] = counts.get(word, 0) + 1
print(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:5])


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


print(fib(25))

n = 80
matrix = [[random.below(100) / 10 for _ in range(n)] for _ in range(n)]
columns = list(zip(*matrix))
product = [[sum(a * b for a, b in zip(row, column)) for column in columns] for row in matrix]
print(round(sum(product[i][i] for i in range(n))))
