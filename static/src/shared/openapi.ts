// Made by `npm run types` from the server's OpenAPI document; not edited by hand.
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** GuideView */
        accounts_routes_GuideView: {
            /** Format: uuid */
            account_id: string;
            login: string;
            name: string;
            role: components["schemas"]["Role"];
        };
        /** StoreName */
        accounts_routes_StoreName: {
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
            login: string;
            name: string;
            role: components["schemas"]["Role"];
            store: components["schemas"]["accounts_routes_StoreName"] | null;
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
        /** AddStock */
        AddStock: {
            add: number;
        };
        /** Answer */
        Answer: {
            text: string;
        };
        /** ArrivalView */
        ArrivalView: {
            amount_minor: number;
            /** Format: uuid */
            arrival_id: string;
            /** Format: date-time */
            at: string;
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
        /** AskCode */
        AskCode: {
            brand_id?: string | null;
            phone: string;
            room_id?: string | null;
        };
        /** AskHold */
        AskHold: {
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
            amount_minor: number;
            /** @default  */
            reason: string;
        };
        /** StoreName */
        attribution_rules_StoreName: {
            name: string;
            /** Format: uuid */
            store_id: string;
        };
        /**
         * Audience
         * @default public
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
        /** Board */
        Board: {
            guides: components["schemas"]["GuideLine"][];
            store: components["schemas"]["attribution_rules_StoreName"];
            totals: components["schemas"]["FiguresView"];
            unguided: components["schemas"]["FiguresView"];
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
        /** CashierPage */
        CashierPage: {
            amount_minor: number;
            /** Format: uuid */
            payment_id: string;
            return_url: string;
            status: string;
            title: string;
        };
        /** ChangeAccount */
        ChangeAccount: {
            name?: string;
            role?: components["schemas"]["Role"];
            store_id?: string | null;
        };
        /** ChangeBrand */
        ChangeBrand: {
            name: string;
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
        };
        /** Code */
        Code: {
            code: string;
        };
        /** CodeSent */
        CodeSent: {
            demo_code?: string | null;
            expires_in_s: number;
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
            reversed_minor: number;
            rule: string;
            rule_version: number;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
            why: {
                [key: string]: unknown;
            };
        };
        /** CurrentSession */
        CurrentSession: {
            account: components["schemas"]["AccountView"];
        };
        /** Decided */
        Decided: {
            /** Format: uuid */
            payment_id: string;
            status: string;
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
        /** Direct */
        Direct: {
            /** @enum {string} */
            action: "warm" | "start" | "pause" | "resume" | "end";
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
        /** FiguresView */
        FiguresView: {
            amount_minor: number;
            net_minor: number;
            orders: number;
            reversed_minor: number;
            visits: number;
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
        /** Invitation */
        Invitation: {
            brand: string;
            code: string;
            guide: components["schemas"]["GuideName"] | null;
            inviter: string;
            room_id: string | null;
            store: components["schemas"]["attribution_rules_StoreName"] | null;
            title: string;
        };
        /** InvitationMade */
        InvitationMade: {
            code: string;
            poster_url: string;
            qr_url: string;
            url: string;
        };
        /** Invite */
        Invite: {
            /** @default  */
            channel: string;
            /** Format: uuid */
            room_id: string;
        };
        /** LineCard */
        LineCard: {
            free: number;
            held: number;
            image: string | null;
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
        /** LineView */
        LineView: {
            image?: string | null;
            price_minor: number;
            quantity: number;
            /** Format: uuid */
            sku_id: string;
            title: string;
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
        /** MaybeProduct */
        MaybeProduct: {
            product_id: string | null;
        };
        /** Me */
        Me: {
            guest: boolean;
            /** Format: uuid */
            member_id: string;
            name: string;
            phone: string | null;
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
        /** NewAccount */
        NewAccount: {
            login: string;
            name: string;
            password: string;
            role: components["schemas"]["Role"];
            store_id?: string | null;
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
        /** NewProduct */
        NewProduct: {
            /** @default  */
            description: string;
            skus: components["schemas"]["NewSku"][];
            title: string;
        };
        /** NewRoom */
        NewRoom: {
            audience?: components["schemas"]["Audience"];
            store_id?: string | null;
            template?: string | null;
            title: string;
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
            /** @default 300 */
            hold_seconds: number;
            /** @default 1 */
            limit_per_buyer: number;
            /** @default true */
            open: boolean;
            price_minor: number;
            /** Format: uuid */
            sku_id: string;
            stock: number;
            /** @default  */
            title: string;
        };
        /** Line */
        orders_routes_Line: {
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
            status: string;
            store: components["schemas"]["orders_views_StoreView"] | null;
        };
        /** Page[AccountView] */
        "Page_server.accounts.routes.AccountView_": {
            items: components["schemas"]["AccountView"][];
            next: string | null;
        };
        /** Page[GuideView] */
        "Page_server.accounts.routes.GuideView_": {
            items: components["schemas"]["accounts_routes_GuideView"][];
            next: string | null;
        };
        /** Page[ArrivalView] */
        "Page_server.attribution.board.ArrivalView_": {
            items: components["schemas"]["ArrivalView"][];
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
        /** Page[OrderView] */
        "Page_server.orders.views.OrderView_": {
            items: components["schemas"]["OrderView"][];
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
        /** PickUpStore */
        PickUpStore: {
            address: string;
            name: string;
            /** Format: uuid */
            store_id: string;
        };
        /** PinnedView */
        PinnedView: {
            message: components["schemas"]["SaidLine"] | null;
        };
        /** PinView */
        PinView: {
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
            lines: components["schemas"]["orders_routes_Line"][];
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
            brand: components["schemas"]["Named"];
            demo: boolean;
            host: components["schemas"]["Named"] | null;
            /** Format: uuid */
            id: string;
            pinned: components["schemas"]["Card"] | null;
            sales: components["schemas"]["SaleCard"][];
            shelf: components["schemas"]["Card"][];
            started_at: string | null;
            state: string;
            title: string;
            whep_url: string;
        };
        /** PutAside */
        PutAside: {
            act_id: string | null;
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
        /** Received */
        Received: {
            new: boolean;
        };
        /** RefundBooked */
        RefundBooked: {
            order: components["schemas"]["OrderView"];
            /** Format: uuid */
            refund_id: string;
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
        /** Review */
        Review: {
            shown: boolean;
        };
        /**
         * Role
         * @enum {string}
         */
        Role: "owner" | "operator" | "host" | "moderator" | "manager" | "guide" | "finance" | "read_only" | "member";
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
            started_at: string | null;
            state: string;
            store: components["schemas"]["StoreOfRoom"] | null;
            title: string;
        };
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
            limit_per_buyer: number;
            lines: components["schemas"]["LineCard"][];
            opens_at: string | null;
            /** Format: uuid */
            sale_id: string;
            state: string;
            title: string;
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
        /** ShelfView */
        ShelfView: {
            shelf: components["schemas"]["Card"][];
        };
        /** Ship */
        Ship: {
            carrier: string;
            tracking_number: string;
        };
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
        /** StaffRoom */
        StaffRoom: {
            audience: string;
            /** Format: date-time */
            created_at: string;
            demo: boolean;
            ended_at: string | null;
            here: number;
            host: components["schemas"]["Named"] | null;
            /** Format: uuid */
            id: string;
            pinned: components["schemas"]["Card"] | null;
            sales: components["schemas"]["SaleCard"][];
            shelf: components["schemas"]["Card"][];
            started_at: string | null;
            state: string;
            store: components["schemas"]["StoreOfRoom"] | null;
            title: string;
        };
        /** Started */
        Started: {
            cashier_url: string;
            /** Format: uuid */
            payment_id: string;
        };
        /** StartPayment */
        StartPayment: {
            provider: string;
            /** @default / */
            return_url: string;
        };
        /** StepView */
        StepView: {
            /** Format: date-time */
            at: string;
            kind: string;
            /** @default  */
            note: string;
        };
        /** StockNow */
        StockNow: {
            free: number;
            /** Format: uuid */
            sku_id: string;
        };
        /** StoreOfRoom */
        StoreOfRoom: {
            name: string;
            /** Format: uuid */
            store_id: string;
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
            provider?: string | null;
            /** @default  */
            return_url: string;
            room_id?: string | null;
        };
        /** TopUpStarted */
        TopUpStarted: {
            cashier_url: string;
            /** Format: uuid */
            payment_id: string;
        };
        /** TouchTaken */
        TouchTaken: {
            guide: components["schemas"]["GuideName"] | null;
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
