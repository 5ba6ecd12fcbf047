import type { DataStore } from "../../datastores/datastore.ts";

/** Closes the store whatever `use` does with it. */
export async function useStore<T>(opening: Promise<DataStore>, use: (store: DataStore) => Promise<T>): Promise<T> {
  const store = await opening;
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
