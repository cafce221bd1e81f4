/* Threads that throw, each to itself, under a mutex, and into a future. */

#include "errors.h"

#include <condition_variable>
#include <future>
#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

static thread_local int mine;

Guard::~Guard()
{
	mine++;
}

int find(int key)
{
	Guard guard("find");
	if (key % 3 == 0)
		throw Missing(std::to_string(key));
	return key;
}

int main()
{
	std::mutex mutex;
	std::condition_variable changed;
	int sum = 0, caught = 0, guards = 0, done = 0;
	std::vector<std::thread> threads;
	for (int number = 0; number < 4; number++)
		threads.emplace_back([&, number] {
			for (int round = 0; round < 300; round++) {
				try {
					int found = find(round + number);
					std::lock_guard lock(mutex);
					sum += found;
				} catch (const Missing &missing) {
					std::lock_guard lock(mutex);
					caught += std::stoi(missing.what());
				}
			}
			std::lock_guard lock(mutex);
			guards += mine;
			done++;
			changed.notify_all();
		});
	{
		std::unique_lock lock(mutex);
		changed.wait(lock, [&] { return done == 4; });
	}
	for (auto &thread : threads)
		thread.join();
	std::cout << sum << ' ' << caught << ' ' << guards << '\n';
	auto future = std::async(std::launch::async, find, 3);
	try {
		future.get();
	} catch (const Missing &missing) {
		std::cout << "from another thread: " << missing.what() << std::endl;
	}
}
