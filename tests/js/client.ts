// A client of the generated types: it compiles if the schema says what the pages need. It is not run.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import { BoardDocument, DossierDocument, WorkListDocument } from './generated/portal.js';

async function ask<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: print(document), variables }),
  });
  const { data, errors } = (await response.json()) as { data?: Data; errors?: { message: string }[] };
  if (!data) throw new Error(errors?.map((error) => error.message).join());
  return data;
}

export async function overdueByName(): Promise<Map<string, number>> {
  const board = await ask(BoardDocument, { by: 'COMPETENT_AGENCY', class: 'OVERDUE', first: 20 });
  return new Map(board.deadlineBoard.groups.map((group) => [group.agency?.name ?? '', group.overdue]));
}

export async function codesToDo(): Promise<string[]> {
  const { workList } = await ask(WorkListDocument, { of: 'MINE', first: 20 });
  return workList.nodes.filter((node) => node.dossier.allowedActions?.includes('COMPLETE_STEP')).map((node) => node.dossier.code);
}

export async function dueAt(code: string): Promise<Date | undefined> {
  const { dossier } = await ask(DossierDocument, { code });
  return dossier?.dueAt ? new Date(dossier.dueAt) : undefined;
}

// Types are there to refuse: these three must not compile.
// @ts-expect-error there is no such class
void ask(BoardDocument, { by: 'COMPETENT_AGENCY', class: 'LATE', first: 20 });
// @ts-expect-error the number of a page is needed
void ask(WorkListDocument, { of: 'MINE' });
// @ts-expect-error what is not asked for is not there
void ask(DossierDocument, { code: '' }).then(({ dossier }) => dossier?.nationalCode);
