// Made by `npm run types` from the server's OpenAPI document; not edited by hand.
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** GuideView */
        accounts_views_GuideView: {
            /** Format: uuid */
            account_id: string;
            login: string | null;
            name: string;
            role: components["schemas"]["Role"];
        };
        /** StoreName */
        accounts_views_StoreName: {
            name: string;
            /** Format: uuid */
            store_id: string;
        };
        /** AccountView */
        AccountView: {
            /** Format: uuid */
            account_id: string;
            brand: components["schemas"]["BrandName"];
            /** Format: date-time */
            created_at: string;
            disabled: boolean;
            face: string | null;
            joined: boolean;
            login: string | null;
            name: string;
            phone: string | null;
            role: components["schemas"]["Role"];
            store: components["schemas"]["accounts_views_StoreName"] | null;
        };
        /** ActView */
        ActView: {
            act: string;
            /** Format: uuid */
            act_id: string;
            actor: string;
            /** Format: date-time */
            at: string;
            detail: {
                [key: string]: unknown;
            };
            note: string;
            target: string;
            /** Format: uuid */
            target_id: string;
            undone: boolean;
        };
        /** AddressBody */
        AddressBody: {
            city: string;
            detail: string;
            /** @default  */
            district: string;
            /** @default false */
            is_default: boolean;
            name: string;
            phone: string;
            province: string;
        };
        /** AddressBook */
        AddressBook: {
            items: components["schemas"]["AddressView"][];
        };
        /** AddressView */
        AddressView: {
            /** Format: uuid */
            address_id: string;
            city: string;
            detail: string;
            district: string;
            is_default: boolean;
            name: string;
            phone: string;
            province: string;
            text: string;
        };
        /** AddStock */
        AddStock: {
            add: number;
        };
        /** PictureKept */
        after_sale_routes_PictureKept: {
            picture: string;
            url: string;
        };
        /**
         * Kind
         * @enum {string}
         */
        after_sale_rules_Kind: "refund_only" | "return_refund";
        /** Place */
        after_sale_views_Place: {
            address: string;
            name: string;
            phone: string;
        };
        /** Answer */
        Answer: {
            text: string;
        };
        /** Appeal */
        Appeal: {
            credit_id?: string | null;
            order_number?: string | null;
            words: string;
        };
        /** ArrivalView */
        ArrivalView: {
            amount_minor: number;
            /** Format: uuid */
            arrival_id: string;
            /** Format: date-time */
            at: string;
            favourite: string | null;
            guide: components["schemas"]["GuideName"] | null;
            guide_id: string | null;
            /** Format: uuid */
            member_id: string;
            name: string;
            orders: number;
            /** Format: uuid */
            room_id: string;
            tags: string[];
        };
        /** AskBan */
        AskBan: {
            /** @default true */
            devices: boolean;
            /** @default false */
            everywhere: boolean;
            /** Format: uuid */
            member_id: string;
            minutes?: number | null;
            /** @default  */
            reason: string;
        };
        /** AskCase */
        AskCase: {
            amount_minor?: number | null;
            kind: components["schemas"]["after_sale_rules_Kind"];
            lines?: components["schemas"]["CaseUnits"][];
            pictures?: string[];
            /** @enum {string} */
            reason: "not_wanted" | "wrong_item" | "damaged" | "quality" | "not_as_described" | "not_received" | "other";
            /** @default  */
            words: string;
        };
        /** AskCode */
        AskCode: {
            brand_id?: string | null;
            phone: string;
            room_id?: string | null;
        };
        /** AskHold */
        AskHold: {
            amount_minor?: number | null;
            lines?: components["schemas"]["HoldLine"][] | null;
            quantity?: number | null;
        };
        /** AskMute */
        AskMute: {
            /** Format: uuid */
            member_id: string;
            minutes: number;
        };
        /** AskRefund */
        AskRefund: {
            amount_minor?: number | null;
            /** @default false */
            goods_back: boolean;
            lines?: components["schemas"]["RefundLine"][];
            /** @default  */
            reason: string;
        };
        /** AskStaffCode */
        AskStaffCode: {
            phone: string;
        };
        /** AskToJoin */
        AskToJoin: {
            brand_id?: string | null;
            code: string;
            name: string;
            phone: string;
            store_code: string;
        };
        /** StoreName */
        attribution_rules_StoreName: {
            name: string;
            /** Format: uuid */
            store_id: string;
        };
        /**
         * Audience
         * @enum {string}
         */
        Audience: "public" | "invited" | "members" | "staff";
        /** BanView */
        BanView: {
            /** Format: date-time */
            at: string;
            /** Format: uuid */
            ban_id: string;
            everywhere: boolean;
            /** Format: uuid */
            member_id: string;
            name: string;
            reason: string;
            until: string | null;
        };
        /** Basket */
        Basket: {
            lines: components["schemas"]["BasketLine"][];
            sums: components["schemas"]["Sums"];
        };
        /** BasketLine */
        BasketLine: {
            image: string | null;
            left: number;
            price_minor: number;
            /** @enum {null|string} */
            problem: "price-changed" | "out-of-stock" | "not-sold" | null;
            quantity: number;
            /** Format: uuid */
            sku_id: string;
            title: string;
        };
        /** BindByHand */
        BindByHand: {
            guide_id: string | null;
            note: string;
        };
        /** Bindings */
        Bindings: {
            current: components["schemas"]["BindingView"] | null;
            items: components["schemas"]["BindingView"][];
        };
        /** BindingView */
        BindingView: {
            /** Format: uuid */
            binding_id: string;
            by: string | null;
            guide: components["schemas"]["GuideName"] | null;
            note: string;
            order_id: string | null;
            reason: string;
            /** Format: date-time */
            since: string;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
            /** Format: date-time */
            until: string;
        };
        /** Board */
        Board: {
            guides: components["schemas"]["GuideLine"][];
            store: components["schemas"]["attribution_rules_StoreName"];
            totals: components["schemas"]["FiguresView"];
            unguided: components["schemas"]["FiguresView"];
        };
        /** BoardRow */
        BoardRow: {
            figures: components["schemas"]["FiguresOfLine"] | null;
            id: string | null;
            name: string;
            overall: number;
            own: boolean;
            rank: number;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
        };
        /** BrandName */
        BrandName: {
            /** Format: uuid */
            brand_id: string;
            name: string;
        };
        /** BrandView */
        BrandView: {
            /** Format: uuid */
            brand_id: string;
            name: string;
        };
        /** BroadcastToken */
        BroadcastToken: {
            token: string;
            whip_url: string;
        };
        /** BuyerView */
        BuyerView: {
            /** Format: uuid */
            member_id: string;
            name: string;
            phone?: string | null;
        };
        /**
         * By
         * @default guides
         * @enum {string}
         */
        By: "guides" | "stores" | "regions";
        /** Came */
        Came: {
            /** @default 0 */
            amount_minor: number;
            /** @default  */
            channel: string;
            /** @default 0 */
            links: number;
            /** @default 0 */
            net_minor: number;
            /** @default 0 */
            orders: number;
            /** @default 0 */
            touches: number;
            /** @default 0 */
            visitors: number;
        };
        /** CampaignChoice */
        CampaignChoice: {
            /** Format: uuid */
            campaign_id: string;
            ends_at: string | null;
            name: string;
        };
        /** CampaignChoices */
        CampaignChoices: {
            items: components["schemas"]["CampaignChoice"][];
        };
        /** CampaignName */
        CampaignName: {
            /** Format: uuid */
            campaign_id: string;
            name: string;
        };
        /** CampaignView */
        CampaignView: {
            background: string | null;
            /** Format: uuid */
            campaign_id: string;
            channels: components["schemas"]["Came"][];
            colour: string | null;
            ends_at: string | null;
            name: string;
            product: string | null;
            product_id: string | null;
            room: string | null;
            room_id: string | null;
            /** @enum {string} */
            standing: "none" | "soon" | "runs" | "over";
            starts_at: string | null;
            totals: components["schemas"]["Came"];
        };
        /** Card */
        Card: {
            image: string | null;
            position: number;
            price_minor: number;
            /** Format: uuid */
            product_id: string;
            skus: components["schemas"]["CardSku"][];
            title: string;
            was_minor: number | null;
        };
        /** CardSku */
        CardSku: {
            free: number;
            price_minor: number;
            /** Format: uuid */
            sku_id: string;
            title: string;
        };
        /** CarriedProduct */
        CarriedProduct: {
            headquarters_free: number;
            image: string | null;
            number: number;
            price_minor: number;
            /** Format: uuid */
            product_id: string;
            store_free: number;
            title: string;
            was_minor: number | null;
        };
        /** CarriedView */
        CarriedView: {
            entered: boolean;
            /** @default  */
            greeting: string;
            guide?: components["schemas"]["GuideName"] | null;
            pick_up?: boolean | null;
            /** @default  */
            pick_up_note: string;
            shelf_order?: string[];
            store?: components["schemas"]["attribution_rules_StoreName"] | null;
        };
        /** CarryingView */
        CarryingView: {
            by: string | null;
            greeting: string;
            pick_up: boolean;
            pick_up_note: string;
            products: components["schemas"]["CarriedProduct"][];
            /** Format: uuid */
            room_id: string;
            shelf_order: string[];
            state: string;
            store: components["schemas"]["attribution_rules_StoreName"];
            title: string;
            updated_at: string | null;
        };
        /** CaseLine */
        CaseLine: {
            /** Format: uuid */
            line_id: string;
            quantity: number;
            title: string;
        };
        /** Cases */
        Cases: {
            items: components["schemas"]["CaseView"][];
        };
        /** CaseStep */
        CaseStep: {
            /** Format: date-time */
            at: string;
            by?: string | null;
            kind: string;
            /** @default  */
            note: string;
        };
        /** CaseUnits */
        CaseUnits: {
            /** Format: uuid */
            line_id: string;
            quantity: number;
        };
        /** CaseView */
        CaseView: {
            amount_minor: number;
            buyer: string | null;
            /** Format: uuid */
            case_id: string;
            /** Format: date-time */
            created_at: string;
            due_at: string | null;
            history: components["schemas"]["CaseStep"][];
            kind: string;
            lines: components["schemas"]["CaseLine"][];
            may_decide: boolean;
            number: string;
            /** Format: uuid */
            order_id: string;
            parcel: components["schemas"]["Parcel"] | null;
            pictures: string[];
            reason: string;
            return_to: components["schemas"]["after_sale_views_Place"] | null;
            state: string;
            suggested: components["schemas"]["after_sale_views_Place"] | null;
            words: string;
        };
        /** CashierPage */
        CashierPage: {
            amount_minor: number;
            /** Format: uuid */
            payment_id: string;
            return_url: string;
            status: string;
            title: string;
        };
        /** PictureKept */
        catalog_routes_PictureKept: {
            picture: string;
            url: string;
        };
        /** ChangeAccount */
        ChangeAccount: {
            name?: string;
            phone?: string | null;
            role?: components["schemas"]["Role"];
            store_id?: string | null;
        };
        /** ChangeBrand */
        ChangeBrand: {
            name: string;
        };
        /** ChangeCampaign */
        ChangeCampaign: {
            background?: string | null;
            colour?: string | null;
            ends_at?: string | null;
            name?: string;
            product_id?: string | null;
            starts_at?: string | null;
        };
        /** ChangeMe */
        ChangeMe: {
            name: string;
        };
        /** ChangePassword */
        ChangePassword: {
            current: string;
            password: string;
        };
        /** ChangeProduct */
        ChangeProduct: {
            description?: string | null;
            skus?: components["schemas"]["ChangeSku"][];
            title?: string | null;
        };
        /** ChangeRoom */
        ChangeRoom: {
            audience?: components["schemas"]["Audience"];
            reach?: components["schemas"]["Reach"];
            title?: string;
        };
        /** ChangeSetting */
        ChangeSetting: {
            links?: boolean;
            pre_review?: boolean;
            slow_s?: number;
        };
        /** ChangeSku */
        ChangeSku: {
            price_minor?: number;
            /** Format: uuid */
            sku_id: string;
            title?: string;
            was_minor?: number | null;
        };
        /** ChangeStore */
        ChangeStore: {
            address?: string | null;
            closed?: boolean | null;
            name?: string | null;
            region?: string | null;
            region_id?: string | null;
        };
        /** ChangeTemplate */
        ChangeTemplate: {
            archived?: boolean;
            audience?: components["schemas"]["Audience"];
            figures?: components["schemas"]["Figure"][];
            kind?: components["schemas"]["rooms_kinds_rules_Kind"];
            name?: string;
            panels?: components["schemas"]["Panel"][];
            product_ids?: string[];
            title?: string;
        };
        /** Choice */
        Choice: {
            items: components["schemas"]["TemplateView"][];
            kinds: components["schemas"]["KindView"][];
        };
        /** ChooseLogin */
        ChooseLogin: {
            login: string;
            password: string;
        };
        /** ChosenStores */
        ChosenStores: {
            items: components["schemas"]["attribution_rules_StoreName"][];
        };
        /**
         * Closed
         * @description Why nothing more is written.
         * @enum {string}
         */
        Closed: "guide-left" | "moved" | "lapsed";
        /** Code */
        Code: {
            code: string;
        };
        /** CodeSent */
        CodeSent: {
            demo_code?: string | null;
            expires_in_s: number;
        };
        /** Conversations */
        Conversations: {
            guide?: components["schemas"]["GuideName"] | null;
            items: components["schemas"]["ConversationView"][];
            next: string | null;
        };
        /** ConversationView */
        ConversationView: {
            closed: components["schemas"]["Closed"] | null;
            /** Format: uuid */
            conversation_id: string;
            /** Format: date-time */
            created_at: string;
            guide: components["schemas"]["GuideName"];
            last: components["schemas"]["TalkLine"] | null;
            last_number: number;
            member: components["schemas"]["MemberName"];
            other_read_to: number;
            read_to: number;
            receiving: boolean;
            side: components["schemas"]["Side"] | null;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
            unread: number;
        };
        /** Counts */
        Counts: {
            most: number;
            tabs: {
                [key: string]: number;
            };
        };
        /** CreditDetail */
        CreditDetail: {
            buyer: components["schemas"]["MemberName"];
            credit: components["schemas"]["CreditView"];
            disputes: components["schemas"]["DisputeView"][];
            moved_to: components["schemas"]["MovedTo"] | null;
            number: string;
            policy: components["schemas"]["Policy"];
            reversals: components["schemas"]["ReversalView"][];
            shares: components["schemas"]["ShareView"][];
        };
        /** Credited */
        Credited: {
            amount_minor: number;
            /** Format: uuid */
            credit_id: string;
            guide: components["schemas"]["GuideName"] | null;
            net_minor: number;
            rule: string;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
        };
        /** Credits */
        Credits: {
            items: components["schemas"]["CreditView"][];
        };
        /** CreditView */
        CreditView: {
            amount_minor: number;
            /** Format: date-time */
            at: string;
            /** Format: uuid */
            credit_id: string;
            guide: components["schemas"]["GuideName"] | null;
            net_minor: number;
            /** Format: uuid */
            order_id: string;
            policy_version: number;
            reversed_minor: number;
            rule: string;
            rule_version: number;
            standing: boolean;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
            why: {
                [key: string]: unknown;
            };
        };
        /** CurrentSession */
        CurrentSession: {
            account: components["schemas"]["AccountView"];
        };
        /** Decide */
        Decide: {
            granted: boolean;
            guide_id?: string | null;
            reason: string;
            store_id?: string | null;
        };
        /** Decided */
        Decided: {
            /** Format: uuid */
            payment_id: string;
            status: string;
        };
        /** Decision */
        Decision: {
            /** Format: date-time */
            at: string;
            by: string;
            granted: boolean;
            guide: components["schemas"]["GuideName"] | null;
            reason: string;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
        };
        /** Deliver */
        Deliver: {
            address: string;
            /** @constant */
            method: "delivery";
            name: string;
            /** @default  */
            note: string;
            phone: string;
        };
        /** Difference */
        Difference: {
            /** @enum {string} */
            kind: "payment" | "refund";
            number: string;
            ours_minor: number | null;
            /** @enum {string} */
            outcome: "missing_here" | "missing_there" | "amount_differs" | "told_twice";
            /** @default  */
            payable: string;
            payable_id?: string | null;
            theirs_minor: number | null;
            trade_no: string;
        };
        /** Direct */
        Direct: {
            /** @enum {string} */
            action: "warm" | "start" | "pause" | "resume" | "end";
        };
        /** Disputes */
        Disputes: {
            items: components["schemas"]["DisputeView"][];
            next: string | null;
            open: number;
        };
        /** DisputeView */
        DisputeView: {
            /** Format: date-time */
            at: string;
            credit: components["schemas"]["Credited"] | null;
            decision: components["schemas"]["Decision"] | null;
            /** Format: uuid */
            dispute_id: string;
            guide: components["schemas"]["GuideName"];
            number: string;
            /** Format: uuid */
            order_id: string;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
            words: string;
        };
        /**
         * Effect
         * @enum {string}
         */
        Effect: "refuse" | "review" | "allow";
        /** FeedTokenView */
        FeedTokenView: {
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            expires_at: string;
            /** Format: uuid */
            id: string;
            made_by: string;
            name: string;
        };
        /**
         * Figure
         * @enum {string}
         */
        Figure: "watching" | "peak" | "visits" | "amount" | "orders" | "share" | "comments" | "likes" | "tips" | "refunded";
        /** FiguresOfLine */
        FiguresOfLine: {
            amount_minor: number;
            average_minor: number | null;
            conversion_bp: number | null;
            net_minor: number;
            new_members: number;
            orders: number;
            reversed_minor: number;
            visits: number;
        };
        /** FiguresView */
        FiguresView: {
            amount_minor: number;
            net_minor: number;
            new_members: number;
            orders: number;
            reversed_minor: number;
            visits: number;
        };
        /** FirstCard */
        FirstCard: {
            left: number;
            price_minor: number;
            then_minor: number;
            units: number;
        };
        /** FirstUnits */
        FirstUnits: {
            price_minor: number;
            units: number;
        };
        /** Place */
        flash_sales_waiting_Place: {
            ahead: number;
            /** Format: uuid */
            sale_id: string;
            units: number;
        };
        /** Found */
        Found: {
            effect: components["schemas"]["Effect"];
            end: number;
            pattern: string;
            start: number;
        };
        /** GiftOut */
        GiftOut: {
            /** Format: uuid */
            gift_id: string;
            icon: string;
            name: string;
            price_minor: number;
        };
        /** Gifts */
        Gifts: {
            items: components["schemas"]["GiftOut"][];
        };
        /** Given */
        Given: {
            amount_minor: number;
            balance_minor: number;
            /** Format: uuid */
            tip_id: string;
        };
        /** Grant */
        Grant: {
            amount_minor?: number | null;
            /** @default false */
            goods_back: boolean;
        };
        /** Guest */
        Guest: {
            /** Format: uuid */
            member_id: string;
            name: string;
            token: string;
        };
        /** GuideLine */
        GuideLine: {
            amount_minor: number;
            guide: components["schemas"]["GuideName"];
            net_minor: number;
            new_members: number;
            orders: number;
            rank: number;
            reversed_minor: number;
            visits: number;
        };
        /** GuideName */
        GuideName: {
            /** Format: uuid */
            account_id: string;
            name: string;
        };
        /** GuidePage */
        GuidePage: {
            arrivals: components["schemas"]["ArrivalView"][];
            credits: components["schemas"]["CreditView"][];
            guide: components["schemas"]["GuideName"];
            orders: components["schemas"]["OrderView"][];
            store: components["schemas"]["attribution_rules_StoreName"] | null;
            totals: components["schemas"]["GuideTotals"];
        };
        /** GuideSales */
        GuideSales: {
            amount_minor: number;
            /** Format: uuid */
            guide_id: string;
            name: string;
            orders: number;
            store: string | null;
        };
        /** GuideTotals */
        GuideTotals: {
            amount_minor: number;
            credited_minor: number;
            orders: number;
            visits: number;
        };
        /** Health */
        Health: {
            bitrate_kbps?: number | null;
            codec?: string | null;
            fps?: number | null;
            keyframe_interval_s?: number | null;
            loss?: number | null;
            rtt_ms?: number | null;
            /** @enum {string} */
            state: "playing" | "away";
            viewer_loss?: number | null;
            viewers: number;
            /** @enum {null|string} */
            warning?: "no-picture" | "no-sound" | "upload-too-slow" | "packets-lost" | "low-frame-rate" | null;
        };
        /** HoldLine */
        HoldLine: {
            quantity: number;
            /** Format: uuid */
            sku_id: string;
        };
        /** Imported */
        Imported: {
            created: number;
            problems: components["schemas"]["RowProblem"][];
            rows: number;
            unchanged: number;
            updated: number;
        };
        /** InApp */
        InApp: {
            parameters: {
                [key: string]: string;
            };
            /** @constant */
            type: "in_app";
        };
        /** Invitation */
        Invitation: {
            brand: string;
            campaign: components["schemas"]["CampaignName"] | null;
            code: string;
            guide: components["schemas"]["GuideName"] | null;
            inviter: string;
            next_room: components["schemas"]["NextRoom"] | null;
            notice: string | null;
            product_id: string | null;
            room_id: string | null;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
            title: string;
        };
        /** InvitationMade */
        InvitationMade: {
            code: string;
            /** @default 0 */
            friends: number;
            poster_url: string;
            qr_url: string;
            url: string;
        };
        /** Invite */
        Invite: {
            campaign_id?: string | null;
            /** @default  */
            channel: string;
            /** Format: uuid */
            room_id: string;
        };
        /** Jobs */
        Jobs: {
            items: components["schemas"]["JobView"][];
        };
        /**
         * JobState
         * @enum {string}
         */
        JobState: "waiting" | "running" | "done" | "failed";
        /** JobView */
        JobView: {
            counts: {
                [key: string]: number;
            };
            /** Format: date-time */
            created_at: string;
            done: number;
            finished_at: string | null;
            /** Format: uuid */
            job_id: string;
            kind: string;
            name: string;
            problem: {
                [key: string]: unknown;
            } | null;
            refusal_count: number;
            refusals: components["schemas"]["RowProblem"][];
            started_at: string | null;
            /** Format: uuid */
            started_by: string;
            starter: string;
            state: components["schemas"]["JobState"];
            total: number | null;
        };
        /** JoinRequests */
        JoinRequests: {
            count: number;
            items: components["schemas"]["JoinRequestView"][];
            next: string | null;
        };
        /** JoinRequestView */
        JoinRequestView: {
            /** Format: date-time */
            asked_at: string;
            name: string;
            phone: string | null;
            /** Format: uuid */
            request_id: string;
            store: components["schemas"]["accounts_views_StoreName"];
        };
        /** KindView */
        KindView: {
            asks: boolean;
            audience: components["schemas"]["Audience"];
            every_figure: components["schemas"]["Figure"][];
            every_panel: components["schemas"]["Panel"][];
            figures: components["schemas"]["Figure"][];
            kind: components["schemas"]["rooms_kinds_rules_Kind"];
            panels: components["schemas"]["Panel"][];
            shelf: boolean;
            title: string;
        };
        /** LeftOut */
        LeftOut: {
            number: string;
            /** Format: uuid */
            order_id: string;
            why: string;
        };
        /** LineCard */
        LineCard: {
            first: components["schemas"]["FirstCard"] | null;
            free: number;
            gift: boolean;
            held: number;
            image: string | null;
            per_unit: number;
            price_minor: number;
            /** Format: uuid */
            product_id: string;
            /** Format: uuid */
            sku_id: string;
            sold: number;
            title: string;
            total: number;
            was_minor: number | null;
        };
        /** LineProof */
        LineProof: {
            adds_up: boolean;
            claimed: number;
            free: number;
            gift: boolean;
            held: number;
            image: string | null;
            lapsed: number;
            offered: number;
            returned: number;
            /** Format: uuid */
            sku_id: string;
            sold: number;
            taken_back: number;
            title: string;
        };
        /** LineView */
        LineView: {
            image?: string | null;
            /** Format: uuid */
            line_id: string;
            price_minor: number;
            quantity: number;
            refunded: number;
            /** Format: uuid */
            sku_id: string;
            title: string;
        };
        /** LowerPrice */
        LowerPrice: {
            price_minor: number;
            sku_id?: string | null;
        };
        /** Mark */
        Mark: {
            /** Format: date-time */
            at: string;
            kind: string;
            label: string;
        };
        /** MaybeMessage */
        MaybeMessage: {
            message_id: string | null;
        };
        /** Me */
        Me: {
            guest: boolean;
            /** Format: uuid */
            member_id: string;
            name: string;
            phone: string | null;
        };
        /** MemberName */
        MemberName: {
            /** Format: uuid */
            member_id: string;
            name: string;
        };
        /** MemberView */
        MemberView: {
            /** Format: date-time */
            created_at: string;
            guest: boolean;
            /** Format: uuid */
            member_id: string;
            name: string;
            phone: string | null;
        };
        /** MessageView */
        MessageView: {
            always: boolean;
            /** Format: date-time */
            at: string;
            deleted_at: string | null;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            member_id: string;
            name: string;
            pattern: string | null;
            quoted: components["schemas"]["Quoted"] | null;
            reply_to: string | null;
            role: string;
            state: string;
            text: string;
            why: string | null;
        };
        /** Minute */
        Minute: {
            amount_minor: number;
            /** Format: date-time */
            at: string;
            comments: number;
            orders: number;
            watching: number;
        };
        /** Moderator */
        Moderator: {
            /** Format: date-time */
            at: string;
            /** Format: uuid */
            member_id: string;
            name: string;
        };
        /** MoreStock */
        MoreStock: {
            add: number;
        };
        /** MoreTime */
        MoreTime: {
            seconds: number;
        };
        /** MovedTo */
        MovedTo: {
            /** Format: date-time */
            at: string;
            guide: components["schemas"]["GuideName"] | null;
            reason: string;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
        };
        /** MoveStock */
        MoveStock: {
            quantity: number;
            /** Format: uuid */
            sku_id: string;
            source: components["schemas"]["stock_routes_Place"];
            target: components["schemas"]["stock_routes_Place"];
        };
        /** MuteView */
        MuteView: {
            by: string;
            /** Format: uuid */
            member_id: string;
            name: string;
            /** Format: date-time */
            until: string;
        };
        /** Named */
        Named: {
            name: string;
        };
        /** NameRegion */
        NameRegion: {
            name: string;
        };
        /** NewAccount */
        NewAccount: {
            login?: string | null;
            name: string;
            password?: string | null;
            phone?: string | null;
            role: components["schemas"]["Role"];
            store_id?: string | null;
        };
        /** NewCampaign */
        NewCampaign: {
            background?: string | null;
            colour?: string | null;
            ends_at?: string | null;
            name: string;
            product_id?: string | null;
            room_id?: string | null;
            starts_at?: string | null;
        };
        /** NewFeedToken */
        NewFeedToken: {
            days: number;
            /** @default  */
            name: string;
        };
        /** NewGuest */
        NewGuest: {
            brand_id?: string | null;
            name: string;
            room_id?: string | null;
        };
        /** NewLine */
        NewLine: {
            product_id?: string | null;
            text?: string | null;
        };
        /** NewPolicy */
        NewPolicy: {
            follows: number;
            policy: components["schemas"]["Policy"];
        };
        /** NewProduct */
        NewProduct: {
            /** @default  */
            description: string;
            skus: components["schemas"]["NewSku"][];
            title: string;
        };
        /** NewRoom */
        NewRoom: {
            audience?: components["schemas"]["Audience"] | null;
            kind?: components["schemas"]["rooms_kinds_rules_Kind"] | null;
            reach?: components["schemas"]["Reach"] | null;
            session_template_id?: string | null;
            store_id?: string | null;
            template?: string | null;
            title?: string | null;
        };
        /** NewSku */
        NewSku: {
            /** @default  */
            code: string;
            price_minor: number;
            /** @default 0 */
            stock: number;
            /** @default  */
            title: string;
            was_minor?: number | null;
        };
        /** NewStore */
        NewStore: {
            /** @default  */
            address: string;
            /** @default  */
            code: string;
            name: string;
            /** @default  */
            region: string;
            region_id?: string | null;
        };
        /** NewTemplate */
        NewTemplate: {
            audience?: components["schemas"]["Audience"];
            figures?: components["schemas"]["Figure"][];
            kind?: components["schemas"]["rooms_kinds_rules_Kind"];
            name: string;
            panels?: components["schemas"]["Panel"][];
            product_ids?: string[];
            room_id?: string | null;
            store_id?: string | null;
            title?: string;
        };
        /** NewToken */
        NewToken: {
            /** Format: date-time */
            expires_at: string;
            export_url: string;
            /** Format: uuid */
            id: string;
            sse_url: string;
            token: string;
            ws_url: string;
        };
        /** NewWord */
        NewWord: {
            /** @default true */
            by_sound: boolean;
            effect: components["schemas"]["Effect"];
            pattern: string;
            room_id?: string | null;
        };
        /** NextRoom */
        NextRoom: {
            /** Format: uuid */
            room_id: string;
            state: string;
            title: string;
        };
        /** OfBook */
        OfBook: {
            /** Format: uuid */
            address_id: string;
            /** @constant */
            method: "address";
            /** @default  */
            note: string;
        };
        /** Offer */
        Offer: {
            name: string;
            /** @default true */
            within_wechat: boolean;
        };
        /** Offers */
        Offers: {
            items: components["schemas"]["Offer"][];
        };
        /** OfStore */
        OfStore: {
            name: string;
            /** Format: uuid */
            store_id: string;
        };
        /** OnAir */
        OnAir: {
            brand: components["schemas"]["Named"];
            demo: boolean;
            host: components["schemas"]["Named"] | null;
            /** Format: uuid */
            id: string;
            state: string;
            title: string;
        };
        /** OnAirList */
        OnAirList: {
            items: components["schemas"]["OnAir"][];
        };
        /** OneProduct */
        OneProduct: {
            /** Format: uuid */
            product_id: string;
        };
        /** Open */
        Open: {
            member_id?: string | null;
        };
        /** OpenRoom */
        OpenRoom: {
            host: string | null;
            /** Format: uuid */
            id: string;
            started_at: string | null;
            state: string;
            title: string;
            watching: number;
        };
        /** OpenSale */
        OpenSale: {
            /** @default 300 */
            duration_seconds: number;
            first?: components["schemas"]["FirstUnits"] | null;
            gifts?: components["schemas"]["SaleGift"][];
            /** @default 300 */
            hold_seconds: number;
            /**
             * @default flash_price
             * @enum {string}
             */
            kind: "flash_price" | "first_n" | "price_drop" | "bundle";
            /** @default 1 */
            limit_per_buyer: number;
            lines?: components["schemas"]["SaleLine"][] | null;
            /** @default true */
            open: boolean;
            /** @default false */
            own_quota_only: boolean;
            price_minor?: number | null;
            quotas?: components["schemas"]["StoreQuota"][];
            sku_id?: string | null;
            stock?: number | null;
            /** @default  */
            title: string;
        };
        /** OrderProof */
        OrderProof: {
            /** Format: date-time */
            at: string;
            code: string;
            state: string;
            units: number;
        };
        /** Line */
        orders_bodies_Line: {
            price_minor?: number | null;
            quantity: number;
            /** Format: uuid */
            sku_id: string;
        };
        /** GuideView */
        orders_views_GuideView: {
            /** Format: uuid */
            account_id: string;
            name: string;
        };
        /** StoreView */
        orders_views_StoreView: {
            name: string;
            /** Format: uuid */
            store_id: string;
        };
        /** OrderView */
        OrderView: {
            amount_minor: number;
            /** Format: date-time */
            created_at: string;
            delivery: {
                [key: string]: unknown;
            } | null;
            fulfilment: string;
            guide: components["schemas"]["orders_views_GuideView"] | null;
            history: components["schemas"]["StepView"][];
            /** Format: uuid */
            hold_id: string;
            lines: components["schemas"]["LineView"][];
            member: components["schemas"]["BuyerView"] | null;
            note: string;
            number: string;
            /** Format: uuid */
            order_id: string;
            paid_at: string | null;
            paid_minor: number;
            /** Format: date-time */
            pay_by: string;
            pick_up_code: string | null;
            refund_due_minor: number;
            refunded_minor: number;
            room_id: string | null;
            sale_id: string | null;
            /** @enum {string} */
            ships_from: "store" | "headquarters";
            status: string;
            store: components["schemas"]["orders_views_StoreView"] | null;
        };
        /** OutsideBoard */
        OutsideBoard: {
            guides: components["schemas"]["GuideLine"][];
            totals: components["schemas"]["FiguresView"];
        };
        /** PackedLine */
        PackedLine: {
            code: string;
            quantity: number;
            /** Format: uuid */
            sku_id: string;
            title: string;
        };
        /** PackingAsked */
        PackingAsked: {
            order_ids: string[];
        };
        /** PackingList */
        PackingList: {
            items: components["schemas"]["PackedLine"][];
            left_out: components["schemas"]["LeftOut"][];
            slips: components["schemas"]["Slip"][];
        };
        /** Page[AccountView] */
        "Page_server.accounts.views.AccountView_": {
            items: components["schemas"]["AccountView"][];
            next: string | null;
        };
        /** Page[GuideView] */
        "Page_server.accounts.views.GuideView_": {
            items: components["schemas"]["accounts_views_GuideView"][];
            next: string | null;
        };
        /** Page[CaseView] */
        "Page_server.after_sale.views.CaseView_": {
            items: components["schemas"]["CaseView"][];
            next: string | null;
        };
        /** Page[ArrivalView] */
        "Page_server.attribution.board.ArrivalView_": {
            items: components["schemas"]["ArrivalView"][];
            next: string | null;
        };
        /** Page[CampaignView] */
        "Page_server.attribution.campaigns.CampaignView_": {
            items: components["schemas"]["CampaignView"][];
            next: string | null;
        };
        /** Page[CreditView] */
        "Page_server.attribution.credits.CreditView_": {
            items: components["schemas"]["CreditView"][];
            next: string | null;
        };
        /** Page[ProductView] */
        "Page_server.catalog.service.ProductView_": {
            items: components["schemas"]["ProductView"][];
            next: string | null;
        };
        /** Page[QuestionView] */
        "Page_server.chat.asked.QuestionView_": {
            items: components["schemas"]["QuestionView"][];
            next: string | null;
        };
        /** Page[ActView] */
        "Page_server.chat.moderation_routes.ActView_": {
            items: components["schemas"]["ActView"][];
            next: string | null;
        };
        /** Page[BanView] */
        "Page_server.chat.moderation_routes.BanView_": {
            items: components["schemas"]["BanView"][];
            next: string | null;
        };
        /** Page[MuteView] */
        "Page_server.chat.moderation_routes.MuteView_": {
            items: components["schemas"]["MuteView"][];
            next: string | null;
        };
        /** Page[Moderator] */
        "Page_server.chat.moderators.Moderator_": {
            items: components["schemas"]["Moderator"][];
            next: string | null;
        };
        /** Page[MessageView] */
        "Page_server.chat.routes.MessageView_": {
            items: components["schemas"]["MessageView"][];
            next: string | null;
        };
        /** Page[WordView] */
        "Page_server.chat.word_routes.WordView_": {
            items: components["schemas"]["WordView"][];
            next: string | null;
        };
        /** Page[FeedTokenView] */
        "Page_server.feeds.routes.FeedTokenView_": {
            items: components["schemas"]["FeedTokenView"][];
            next: string | null;
        };
        /** Page[MemberView] */
        "Page_server.members.routes.MemberView_": {
            items: components["schemas"]["MemberView"][];
            next: string | null;
        };
        /** Page[TimelineLine] */
        "Page_server.members.routes.TimelineLine_": {
            items: components["schemas"]["TimelineLine"][];
            next: string | null;
        };
        /** Page[PickUpAt] */
        "Page_server.orders.fulfilment.PickUpAt_": {
            items: components["schemas"]["PickUpAt"][];
            next: string | null;
        };
        /** Page[OrderView] */
        "Page_server.orders.views.OrderView_": {
            items: components["schemas"]["OrderView"][];
            next: string | null;
        };
        /** Page[ReconciliationView] */
        "Page_server.payments.reconciling.ReconciliationView_": {
            items: components["schemas"]["ReconciliationView"][];
            next: string | null;
        };
        /** Page[RefundView] */
        "Page_server.payments.refunds.RefundView_": {
            items: components["schemas"]["RefundView"][];
            next: string | null;
        };
        /** Page[RoomRow] */
        "Page_server.rooms.routes.RoomRow_": {
            items: components["schemas"]["RoomRow"][];
            next: string | null;
        };
        /** Page[PickUpStore] */
        "Page_server.stores.routes.PickUpStore_": {
            items: components["schemas"]["PickUpStore"][];
            next: string | null;
        };
        /** Page[StoreView] */
        "Page_server.stores.routes.StoreView_": {
            items: components["schemas"]["stores_routes_StoreView"][];
            next: string | null;
        };
        /**
         * Panel
         * @enum {string}
         */
        Panel: "stage" | "show" | "chat" | "questions" | "sale" | "viewers" | "curve" | "stores";
        /** Parcel */
        Parcel: {
            carrier: string;
            tracking_number: string;
        };
        /** PaymentView */
        PaymentView: {
            amount_minor: number;
            expires_at: string | null;
            next: components["schemas"]["Redirect"] | components["schemas"]["QrCode"] | components["schemas"]["InApp"] | null;
            /** Format: uuid */
            payment_id: string;
            provider: string;
            qr_svg: string | null;
            return_url: string;
            status: string;
            title: string;
        };
        /**
         * Phase
         * @enum {string}
         */
        Phase: "planned" | "warming" | "live" | "paused" | "ended";
        /** PhoneSession */
        PhoneSession: {
            /** Format: uuid */
            member_id: string;
            merged: boolean;
            name: string;
            token: string;
        };
        /** PickedUp */
        PickedUp: {
            lines: unknown[];
            number: string;
            /** Format: uuid */
            order_id: string;
        };
        /** PickUp */
        PickUp: {
            /** @constant */
            method: "pick_up";
            /** @default  */
            note: string;
            /** Format: uuid */
            store_id: string;
        };
        /** PickUpAt */
        PickUpAt: {
            address: string;
            name: string;
            note: string;
            /** Format: uuid */
            store_id: string;
        };
        /** PickUpStore */
        PickUpStore: {
            address: string;
            name: string;
            /** Format: uuid */
            store_id: string;
        };
        /** Pin */
        Pin: {
            /** @default false */
            beside: boolean;
            product_id: string | null;
        };
        /** PinnedView */
        PinnedView: {
            message: components["schemas"]["SaidLine"] | null;
        };
        /** Pins */
        Pins: {
            beside: components["schemas"]["Card"][];
            pinned: components["schemas"]["Card"] | null;
        };
        /** Placed */
        Placed: {
            amount_minor: number;
            /** Format: uuid */
            hold_id: string;
            /** Format: uuid */
            order_id: string;
            /** Format: date-time */
            pay_by: string;
        };
        /** PlaceOrder */
        PlaceOrder: {
            lines: components["schemas"]["orders_bodies_Line"][];
            /** @default  */
            note: string;
        };
        /** Point */
        Point: {
            /** Format: date-time */
            at: string;
            taken: number;
        };
        /** Policies */
        Policies: {
            items: components["schemas"]["PolicyView"][];
        };
        /** Policy */
        Policy: {
            /**
             * @default never
             * @enum {string}
             */
            binds: "never" | "first_touch" | "first_order";
            /**
             * @default guide
             * @enum {string}
             */
            bonus_for: "guide" | "store" | "member";
            /** @default 0 */
            bonus_minor: number;
            /** @default 0 */
            guide_bp: number;
            /** @default 30 */
            protection_days: number;
            /** @default true */
            renews: boolean;
            sharing_bp?: number[];
            /** @default 0 */
            store_bp: number;
            /** @default 7 */
            window_days: number;
        };
        /** PolicyView */
        PolicyView: {
            at: string | null;
            by: string | null;
            policy: components["schemas"]["Policy"];
            version: number;
        };
        /** PoolNow */
        PoolNow: {
            free: number;
            held: number;
            name: string;
            pool: string;
            /** Format: uuid */
            pool_id: string;
            sold: number;
            total: number;
        };
        /** PresentView */
        PresentView: {
            count: number;
            items: components["schemas"]["ArrivalView"][];
        };
        /** Products */
        Products: {
            product_ids: string[];
        };
        /** ProductSales */
        ProductSales: {
            amount_minor: number;
            image: string | null;
            /** Format: uuid */
            product_id: string;
            quantity: number;
            title: string;
        };
        /** ProductView */
        ProductView: {
            /** Format: date-time */
            created_at: string;
            description: string;
            image: string | null;
            /** Format: uuid */
            product_id: string;
            skus: components["schemas"]["SkuView"][];
            title: string;
        };
        /** Proof */
        Proof: {
            /** Format: date-time */
            checked_at: string;
            curve: components["schemas"]["Point"][];
            ends_at: string | null;
            entries: number;
            lines: components["schemas"]["LineProof"][];
            opens_at: string | null;
            orders: components["schemas"]["OrderProof"][];
            orders_count: number;
            oversold: number;
            /** Format: uuid */
            sale_id: string;
            sha256: string;
            state: string;
            title: string;
        };
        /** ProvePhone */
        ProvePhone: {
            brand_id?: string | null;
            code: string;
            name?: string | null;
            phone: string;
            room_id?: string | null;
        };
        /** PublicRoom */
        PublicRoom: {
            audience: string;
            beside: components["schemas"]["Card"][];
            brand: components["schemas"]["Named"];
            demo: boolean;
            host: components["schemas"]["Named"] | null;
            /** Format: uuid */
            id: string;
            kind: string;
            pinned: components["schemas"]["Card"] | null;
            sales: components["schemas"]["SaleCard"][];
            shelf: components["schemas"]["Card"][];
            shows: components["schemas"]["Shows"];
            started_at: string | null;
            state: string;
            title: string;
            whep_url: string;
        };
        /** PutAside */
        PutAside: {
            act_id: string | null;
        };
        /** QrCode */
        QrCode: {
            content: string;
            /** @constant */
            type: "qr";
        };
        /** QuestionView */
        QuestionView: {
            about: string;
            answer_id: string | null;
            /** Format: date-time */
            asked_at: string;
            count: number;
            /** Format: uuid */
            group: string;
            message: components["schemas"]["SaidLine"];
            names: string[];
            settled_at: string | null;
        };
        /** Quoted */
        Quoted: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            member_id: string;
            name: string;
            text: string;
        };
        /** Reach */
        Reach: {
            kind: components["schemas"]["ReachKind"];
            region_id?: string | null;
            store_ids?: string[];
        };
        /**
         * ReachKind
         * @description Which stores a room of headquarters is for.
         * @enum {string}
         */
        ReachKind: "all" | "region" | "stores";
        /** ReachView */
        ReachView: {
            kind: components["schemas"]["ReachKind"];
            region: components["schemas"]["RegionName"] | null;
            stores: number;
        };
        /** Readiness */
        Readiness: {
            greeted: number;
            items: components["schemas"]["StoreReady"][];
            stores: number;
        };
        /** ReadTo */
        ReadTo: {
            number: number;
        };
        /** Received */
        Received: {
            new: boolean;
        };
        /** Receiving */
        Receiving: {
            receiving: boolean;
        };
        /** ReconciliationDetail */
        ReconciliationDetail: {
            head: components["schemas"]["ReconciliationView"];
            report: components["schemas"]["ReconciliationReport"];
        };
        /** ReconciliationReport */
        ReconciliationReport: {
            differences: components["schemas"]["Difference"][];
            elsewhere: number;
            matched: {
                [key: string]: components["schemas"]["Sum"];
            };
            ours: {
                [key: string]: components["schemas"]["Sum"];
            };
            theirs: {
                [key: string]: components["schemas"]["Sum"];
            };
        };
        /** ReconciliationView */
        ReconciliationView: {
            /** Format: date */
            day: string;
            differences: number;
            fetched: boolean;
            /** Format: date-time */
            made_at: string;
            matched: number;
            provider: string;
            /** Format: uuid */
            reconciliation_id: string;
        };
        /** Redirect */
        Redirect: {
            /** @constant */
            type: "redirect";
            url: string;
        };
        /** RefundBooked */
        RefundBooked: {
            order: components["schemas"]["OrderView"];
            /** Format: uuid */
            refund_id: string;
        };
        /** RefundLine */
        RefundLine: {
            /** Format: uuid */
            line_id: string;
            quantity: number;
        };
        /** RefundView */
        RefundView: {
            amount_minor: number;
            failure: string;
            payable: string;
            /** Format: uuid */
            payable_id: string;
            /** Format: uuid */
            payment_id: string;
            provider: string;
            reason: string;
            /** Format: uuid */
            refund_id: string;
            /** Format: date-time */
            requested_at: string;
            settled_at: string | null;
            status: string;
            title: string;
            tries: number;
        };
        /** Refusals */
        Refusals: {
            items: components["schemas"]["RowProblem"][];
        };
        /** Refuse */
        Refuse: {
            reason: string;
        };
        /** RegionName */
        RegionName: {
            name: string;
            /** Format: uuid */
            region_id: string;
        };
        /** Regions */
        Regions: {
            items: components["schemas"]["RegionView"][];
        };
        /** RegionView */
        RegionView: {
            name: string;
            /** Format: uuid */
            region_id: string;
            stores: number;
        };
        /** Replied */
        Replied: {
            /** Format: uuid */
            id: string;
        };
        /** Reply */
        Reply: {
            reply_to?: string | null;
            text: string;
        };
        /** ReturnParcel */
        ReturnParcel: {
            carrier: string;
            tracking_number: string;
        };
        /** ReturnTo */
        ReturnTo: {
            address: string;
            name: string;
            phone: string;
        };
        /** ReversalView */
        ReversalView: {
            amount_minor: number;
            /** Format: date-time */
            at: string;
            dispute_id: string | null;
            refund_id: string | null;
        };
        /** Review */
        Review: {
            shown: boolean;
        };
        /**
         * Role
         * @enum {string}
         */
        Role: "owner" | "operator" | "host" | "moderator" | "manager" | "guide" | "finance" | "read_only" | "distributor" | "group_owner" | "member";
        /** RoomBoard */
        RoomBoard: {
            /** Format: date-time */
            at: string;
            by: components["schemas"]["By"];
            count: number;
            items: components["schemas"]["BoardRow"][];
            next: string | null;
            own: components["schemas"]["BoardRow"] | null;
            sort: components["schemas"]["Sort"];
            totals: components["schemas"]["FiguresOfLine"] | null;
        };
        /** RoomFigures */
        RoomFigures: {
            amount_minor: number;
            comments: number;
            likes: number;
            marks: components["schemas"]["Mark"][];
            minutes: components["schemas"]["Minute"][];
            orders_held: number;
            orders_paid: number;
            peak: number;
            refunded_minor: number;
            stores: components["schemas"]["StoreSales"][];
            tips_minor: number;
            visits: number;
            watching: number;
        };
        /** RoomReport */
        RoomReport: {
            amount_minor: number;
            comments: number;
            ended_at: string | null;
            guides: components["schemas"]["GuideSales"][];
            likes: number;
            marks: components["schemas"]["Mark"][];
            minutes: components["schemas"]["Minute"][];
            orders_held: number;
            orders_paid: number;
            peak: number;
            products: components["schemas"]["ProductSales"][];
            refunded_minor: number;
            started_at: string | null;
            stores: components["schemas"]["StoreSales"][];
            tips_minor: number;
            visits: number;
            watching: number;
        };
        /** RoomRow */
        RoomRow: {
            audience: string;
            /** Format: date-time */
            created_at: string;
            demo: boolean;
            ended_at: string | null;
            here: number;
            host: components["schemas"]["Named"] | null;
            /** Format: uuid */
            id: string;
            kind: string;
            reach: components["schemas"]["ReachView"] | null;
            started_at: string | null;
            state: string;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
            title: string;
        };
        /**
         * Kind
         * @enum {string}
         */
        rooms_kinds_rules_Kind: "selling" | "group_sale" | "advice" | "lifestyle" | "launch" | "training" | "recruiting";
        /** RowProblem */
        RowProblem: {
            column: string;
            message: string;
            row: number;
        };
        /** SaidLine */
        SaidLine: {
            /** @default false */
            always: boolean;
            /** Format: date-time */
            at: string;
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            member_id: string;
            name: string;
            reply_to?: components["schemas"]["Quoted"] | null;
            role: string;
            text: string;
        };
        /** SaleCard */
        SaleCard: {
            ends_at: string | null;
            hold_seconds: number;
            kind: string;
            limit_per_buyer: number;
            lines: components["schemas"]["LineCard"][];
            opens_at: string | null;
            /** Format: uuid */
            sale_id: string;
            state: string;
            title: string;
            waiting: number;
        };
        /** SaleGift */
        SaleGift: {
            /** @default 1 */
            per_unit: number;
            /** Format: uuid */
            sku_id: string;
        };
        /** SaleLine */
        SaleLine: {
            price_minor: number;
            /** Format: uuid */
            sku_id: string;
            stock: number;
        };
        /** Screen */
        Screen: {
            amount_minor: number;
            orders: number;
            rooms: components["schemas"]["OpenRoom"][];
            /** Format: date-time */
            since: string;
            stores: components["schemas"]["StoreSales"][];
            ticker: components["schemas"]["Sold"][];
            watching: number;
        };
        /** SetCarrying */
        SetCarrying: {
            /** @default  */
            greeting: string;
            /** @default true */
            pick_up: boolean;
            /** @default  */
            pick_up_note: string;
            shelf_order?: string[];
        };
        /** SetOut */
        SetOut: {
            return_url: string;
        };
        /** SetPassword */
        SetPassword: {
            password: string;
        };
        /** Setting */
        Setting: {
            /** @default false */
            links: boolean;
            /** @default false */
            pre_review: boolean;
            /** @default 0 */
            slow_s: number;
        };
        /** SetUp */
        SetUp: {
            brand_name: string;
            login: string;
            name: string;
            password: string;
            store_name: string;
            token: string;
        };
        /** ShareView */
        ShareView: {
            amount_minor: number;
            /** Format: uuid */
            beneficiary_id: string;
            bp: number;
            kind: string;
            name: string;
            net_minor: number;
            reversed_minor: number;
            /** Format: uuid */
            share_id: string;
            whose: string;
        };
        /** ShelfCode */
        ShelfCode: {
            /** Format: uuid */
            product_id: string;
        };
        /** ShelfCodeMade */
        ShelfCodeMade: {
            card_url: string;
            code: string;
            qr_url: string;
            url: string;
        };
        /** ShelfProduct */
        ShelfProduct: {
            brand: string;
            /** Format: uuid */
            brand_id: string;
            description: string;
            image: string | null;
            /** Format: uuid */
            product_id: string;
            skus: components["schemas"]["ShelfSku"][];
            store: components["schemas"]["attribution_rules_StoreName"];
            title: string;
        };
        /** ShelfSku */
        ShelfSku: {
            free: number;
            price_minor: number;
            /** Format: uuid */
            sku_id: string;
            title: string;
            was_minor: number | null;
        };
        /** ShelfView */
        ShelfView: {
            shelf: components["schemas"]["Card"][];
        };
        /** Ship */
        Ship: {
            carrier: string;
            tracking_number: string;
        };
        /** ShipmentsBooked */
        ShipmentsBooked: {
            /** @default 0 */
            booked: number;
            problems?: components["schemas"]["RowProblem"][];
            /** @default 0 */
            rows: number;
            /** @default 0 */
            unchanged: number;
        };
        /** Shows */
        Shows: {
            asks: boolean;
            figures: components["schemas"]["Figure"][];
            panels: components["schemas"]["Panel"][];
            shelf: boolean;
        };
        /**
         * Side
         * @enum {string}
         */
        Side: "member" | "guide";
        /** SignedIn */
        SignedIn: {
            account: components["schemas"]["AccountView"];
            token: string;
        };
        /** SignIn */
        SignIn: {
            login: string;
            password: string;
        };
        /** SkuView */
        SkuView: {
            code: string;
            free: number;
            price_minor: number;
            /** Format: uuid */
            sku_id: string;
            title: string;
            was_minor: number | null;
        };
        /** Slip */
        Slip: {
            buyer: string;
            delivery: {
                [key: string]: unknown;
            } | null;
            fulfilment: string;
            lines: components["schemas"]["PackedLine"][];
            note: string;
            number: string;
            /** Format: uuid */
            order_id: string;
            /** Format: date-time */
            paid_at: string;
        };
        /** Sold */
        Sold: {
            amount_minor: number;
            /** Format: date-time */
            at: string;
            name: string;
            quantity: number;
            store: string | null;
            title: string;
        };
        /**
         * Sort
         * @default amount
         * @enum {string}
         */
        Sort: "amount" | "net" | "orders" | "visits" | "new_members" | "conversion";
        /** StaffByPhone */
        StaffByPhone: {
            brand_id?: string | null;
            code: string;
            phone: string;
            store_code?: string | null;
        };
        /** StaffCodeSent */
        StaffCodeSent: {
            demo_code?: string | null;
            expires_in_s: number;
        };
        /** StaffRoom */
        StaffRoom: {
            audience: string;
            beside: components["schemas"]["Card"][];
            /** Format: date-time */
            created_at: string;
            demo: boolean;
            ended_at: string | null;
            here: number;
            host: components["schemas"]["Named"] | null;
            /** Format: uuid */
            id: string;
            kind: string;
            pinned: components["schemas"]["Card"] | null;
            reach: components["schemas"]["ReachView"] | null;
            sales: components["schemas"]["SaleCard"][];
            session_template_id: string | null;
            shelf: components["schemas"]["Card"][];
            shows: components["schemas"]["Shows"];
            started_at: string | null;
            state: string;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
            title: string;
        };
        /** Started */
        Started: {
            cashier_url: string;
            next: components["schemas"]["Redirect"] | components["schemas"]["QrCode"] | components["schemas"]["InApp"];
            /** Format: uuid */
            payment_id: string;
            provider: string;
        };
        /** StartPayment */
        StartPayment: {
            /** @default  */
            openid: string;
            provider: string;
            /** @default / */
            return_url: string;
            /**
             * @default desktop
             * @enum {string}
             */
            scene: "desktop" | "phone" | "wechat";
        };
        /** StepView */
        StepView: {
            amount_minor?: number | null;
            /** Format: date-time */
            at: string;
            by?: string | null;
            kind: string;
            /** @default  */
            note: string;
        };
        /** Place */
        stock_routes_Place: {
            id?: string | null;
            /** @enum {string} */
            pool: "headquarters" | "store" | "room" | "guide";
        };
        /** StockNow */
        StockNow: {
            free: number;
            /** Format: uuid */
            sku_id: string;
        };
        /** StoreQuota */
        StoreQuota: {
            sku_id?: string | null;
            /** Format: uuid */
            store_id: string;
            units: number;
        };
        /** StoreReady */
        StoreReady: {
            code: string;
            greeting: string;
            name: string;
            pick_up: boolean;
            /** Format: uuid */
            store_id: string;
            updated_at: string | null;
        };
        /** StoreRoom */
        StoreRoom: {
            greeting: string;
            /** Format: uuid */
            room_id: string;
            started_at: string | null;
            state: string;
            title: string;
            updated_at: string | null;
        };
        /** StoreRooms */
        StoreRooms: {
            items: components["schemas"]["StoreRoom"][];
        };
        /** StoreView */
        stores_routes_StoreView: {
            address: string;
            closed: boolean;
            code: string;
            /** Format: date-time */
            created_at: string;
            name: string;
            region: string;
            region_id: string | null;
            /** Format: uuid */
            store_id: string;
        };
        /** StoreSales */
        StoreSales: {
            amount_minor: number;
            name: string;
            orders: number;
            /** Format: uuid */
            store_id: string;
        };
        /** Sum */
        Sum: {
            /** @default 0 */
            count: number;
            /** @default 0 */
            minor: number;
        };
        /** Sums */
        Sums: {
            delivery_minor: number;
            discount_minor: number;
            goods_minor: number;
            total_minor: number;
        };
        /** TalkLine */
        TalkLine: {
            /** Format: date-time */
            at: string;
            by: components["schemas"]["Side"];
            number: number;
            picture?: components["schemas"]["TalkPicture"] | null;
            product?: components["schemas"]["TalkProduct"] | null;
            /** @default false */
            recalled: boolean;
            text?: string | null;
        };
        /** TalkLines */
        TalkLines: {
            before: number | null;
            conversation: components["schemas"]["ConversationView"];
            items: components["schemas"]["TalkLine"][];
        };
        /** TalkPicture */
        TalkPicture: {
            height: number;
            url: string;
            width: number;
        };
        /** TalkProduct */
        TalkProduct: {
            image: string | null;
            price_minor: number;
            /** Format: uuid */
            product_id: string;
            title: string;
        };
        /** Tap */
        Tap: {
            kind?: components["schemas"]["rooms_kinds_rules_Kind"] | null;
            session_template_id?: string | null;
        };
        /** Template */
        Template: {
            background?: string | null;
            colour?: string | null;
            logo?: string | null;
        };
        /** TemplateView */
        TemplateView: {
            archived_at: string | null;
            audience: components["schemas"]["Audience"];
            /** Format: date-time */
            created_at: string;
            figures: components["schemas"]["Figure"][];
            /** Format: uuid */
            id: string;
            kind: components["schemas"]["rooms_kinds_rules_Kind"];
            last_used_at: string | null;
            mine: boolean;
            name: string;
            panels: components["schemas"]["Panel"][];
            product_ids: string[];
            store: components["schemas"]["OfStore"] | null;
            title: string;
        };
        /** TimelineLine */
        TimelineLine: {
            /** Format: date-time */
            at: string;
            data: {
                [key: string]: unknown;
            };
            /** Format: uuid */
            id: string;
            kind: string;
            room_id: string | null;
            store_id: string | null;
        };
        /** TipAsked */
        TipAsked: {
            /** Format: uuid */
            gift_id: string;
            /** @default 1 */
            quantity: number;
        };
        /** TopUp */
        TopUp: {
            amount_minor: number;
            /** @default  */
            openid: string;
            provider?: string | null;
            /** @default  */
            return_url: string;
            room_id?: string | null;
            /**
             * @default desktop
             * @enum {string}
             */
            scene: "desktop" | "phone" | "wechat";
        };
        /** TouchTaken */
        TouchTaken: {
            guide: components["schemas"]["GuideName"] | null;
            notice?: string | null;
            refused: string | null;
            room_id: string | null;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
            /** Format: uuid */
            touch_id: string;
        };
        /** Tried */
        Tried: {
            found: components["schemas"]["Found"] | null;
        };
        /** TryLine */
        TryLine: {
            room_id?: string | null;
            text: string;
        };
        /** ViewerHere */
        ViewerHere: {
            entered_at: string | null;
            guide: components["schemas"]["GuideName"] | null;
            /** Format: uuid */
            member_id: string;
            name: string;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
            tags: string[];
        };
        /** ViewersView */
        ViewersView: {
            count: number;
            items: components["schemas"]["ViewerHere"][];
        };
        /** WaitingHold */
        WaitingHold: {
            amount_minor: number;
            extended_seconds: number;
            /** Format: uuid */
            hold_id: string;
            name: string;
            number: string;
            /** Format: uuid */
            order_id: string;
            /** Format: date-time */
            pay_by: string;
            quantity: number;
            releasable: boolean;
        };
        /** WalletPage */
        WalletPage: {
            balance_minor: number;
            entries: components["schemas"]["wallets_service_Line"][];
        };
        /** Line */
        wallets_service_Line: {
            amount_minor: number;
            /** Format: date-time */
            at: string;
            kind: string;
        };
        /** WayOut */
        WayOut: {
            url: string;
        };
        /** WordsImported */
        WordsImported: {
            created: number;
            problems: components["schemas"]["RowProblem"][];
            rows: number;
            unchanged: number;
            updated: number;
        };
        /** WordView */
        WordView: {
            by_sound: boolean;
            /** Format: date-time */
            created_at: string;
            created_by: string | null;
            effect: components["schemas"]["Effect"];
            /** Format: uuid */
            id: string;
            pattern: string;
            room_id: string | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
